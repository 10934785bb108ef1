/** A control whose failures may be excepted. The end of an exception is a time that the engine wakes up for. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, OwnReads, RequestedChange, TrackedView, Verdict, Violation } from '../contract.ts';
import { objectKeyOf } from '../language/read-json.ts';
import type { Exception } from './exception.ts';

/** The controls as they judge in this cluster; those that no exception is about are the same as before. */
export function exceptControls(
  controls: readonly CompiledControl[],
  exceptions: readonly Exception[],
  cluster: string,
): readonly CompiledControl[] {
  const here = exceptions.filter((exception) => exception.isAboutCluster(cluster));
  if (here.length === 0) return controls;
  return controls.map((control) => {
    const about = here.filter((exception) => exception.isAboutControl(control.meta.id));
    return about.length === 0 ? control : exceptControl(control, about);
  });
}

function exceptControl(control: CompiledControl, exceptions: readonly Exception[]): CompiledControl {
  // The one that lasts longest is asked first, so that the others need not be.
  const ordered = [...exceptions].sort((a, b) => b.expiresMs - a.expiresMs || (a.id < b.id ? -1 : 1));
  const texts = ordered.map(({ content }) => content).join(',');
  return {
    ...control,
    ...(control.digest === undefined ? {} : { digest: `${control.digest} excepted by ${texts}` }),
    selfContained: false,
    ...(control.reads === undefined ? {} : { reads: (kind) => withLabels(control.reads?.(kind)) }),
    evaluate(object, view) {
      const verdict = control.evaluate(object, view);
      return verdict.verdict === 'fail' ? excepted(verdict.violations, object, { ordered, view }) : verdict;
    },
    ...(control.evaluateChange === undefined
      ? {}
      : {
          evaluateChange(change: RequestedChange, view: TrackedView): Verdict {
            const verdict = control.evaluateChange?.(change, view) ?? { verdict: 'not-applicable' };
            if (verdict.verdict !== 'fail') return verdict;
            return excepted(verdict.violations, change.object ?? change.oldObject ?? {}, { ordered, view });
          },
        }),
  };
}

/** Labels choose objects, and they are asked only when there is something to except. */
function withLabels(reads: OwnReads | undefined): OwnReads | undefined {
  return reads === undefined ? undefined : { ...reads, telling: [...reads.telling, ['metadata', 'labels']] };
}

type Asked = { readonly ordered: readonly Exception[]; readonly view: TrackedView };

function excepted(violations: readonly Violation[], object: JsonObject, { ordered, view }: Asked): Verdict {
  const key = objectKeyOf(object);
  const about = ordered.filter((exception) => exception.isAboutObject(object, key));
  return {
    verdict: 'fail',
    violations: violations.map((violation) => {
      const holding = about.find((one) => one.isAboutPath(violation.path) && !view.now(one.expiresMs));
      if (holding === undefined) return violation;
      return { ...violation, exception: holding.id, reason: `${described(holding)}: ${violation.reason}` };
    }),
  };
}

/**
 * The exception that a reason names, '' when none: the reason of a recorded finding in the state `excepted` is how others
 * know what holds it.
 */
export function exceptionNamedIn(reason: string): string {
  return /^excepted by (\S+) until /.exec(reason)?.[1] ?? '';
}

function described({ id, expires, ticket }: Exception): string {
  return `excepted by ${id} until ${expires}${ticket === '' ? '' : ` (${ticket})`}`;
}
