/** `driftline policy exceptions`: the exceptions of folders, offline: who answers for what, and until when. */
import type { Bundle, ExceptionUse } from '@driftline/policy';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { table } from '../output/text.ts';
import type { CommandContext } from './command.ts';
import { engine } from './policies.ts';
import { outputFormat, printData } from './scope.ts';

/** Files do not tell what an exception holds: that is `driftline exceptions`, which asks the collector. */
export async function printExceptions(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const { reportExceptions } = await engine();
  const controls = bundle.controls.map(({ control }) => control);
  const uses = reportExceptions(bundle.exceptions, { held: new Map(), controls }, { nowMs: context.now().getTime() });
  const format = outputFormat(context.values);
  if (format === 'json' || format === 'yaml')
    await printData(context, { bundle: bundle.version, items: uses.map(exceptionData) });
  else if (uses.length === 0) context.print('No exceptions.');
  else context.print(table(['EXCEPTION', 'STATE', 'EXPIRES', 'OWNER', 'CONTROLS', 'REMARK'], uses.map(row)));
  return exitCode.ok;
}

function row({ exception, state, overBroad }: ExceptionUse): readonly string[] {
  const { id, expires, owner, controls } = exception;
  const remark = overBroad === '' ? '' : `over-broad: ${overBroad}`;
  return [id, state, expires, owner, controls.join(' '), remark];
}

function exceptionData({ exception, state, overBroad }: ExceptionUse): unknown {
  const { id, owner, approver, reason, ticket, expires, controls, clusters } = exception;
  return { id, state, owner, approver, reason, ticket, expires, controls, clusters: clusters ?? [], overBroad };
}
