/** `driftline grants`: what RBAC gives to whom, and which of it nobody used. */
import type { ApiGrant, ApiGrants, ApiGrantUnits } from '@driftline/proto';
import { exitCode } from '../exit-code.ts';
import { parsePastMoment } from '../moment.ts';
import { localTime, type Paint, printable, shorten, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
import { limitHelp, limitOption, printListing } from './listing.ts';
import { outputHelp, outputOptions, refuseArguments, scopeHelp, scopeOptions, scopeQuery } from './scope.ts';

const peopleLimit = 1_000;
const unitsWidth = 44;

export const grantsCommand: Command = {
  name: 'grants',
  usage: 'grants [options]',
  summary: 'what RBAC grants to whom, and which of it was never used',
  options: {
    ...scopeOptions,
    ...outputOptions,
    ...limitOption,
    subject: { type: 'string' },
    unused: { type: 'boolean' },
    builtin: { type: 'boolean' },
    since: { type: 'string' },
    until: { type: 'string' },
    'fail-on-unused': { type: 'boolean' },
  },
  help: [
    ...scopeHelp,
    ['--subject NAME', 'only this user, group or service account (NAME or NAMESPACE/NAME)'],
    ['--unused', 'only where something was not used'],
    ['--builtin', "also what the API server's own bindings grant"],
    ['--since TIME', 'requests since then count (default: 30d)'],
    ['--until TIME', 'requests until then, and permissions as they were then (default: now)'],
    limitHelp('grants', peopleLimit),
    ['--fail-on-unused', 'exit 1 when something granted was not used'],
    ...outputHelp,
  ],
  async run(context) {
    refuseArguments(context);
    const { values } = context;
    const moment = (name: 'since' | 'until'): string | undefined => {
      const value = text(values, name);
      return value === undefined ? undefined : parsePastMoment(value, context.now());
    };
    const query = {
      ...scopeQuery(values),
      subject: text(values, 'subject'),
      unused: values.unused === true ? true : undefined,
      builtin: values.builtin === true ? true : undefined,
      since: moment('since'),
      until: moment('until'),
    };
    // Asked first: who reads that something was not used must know what the log could show.
    const head = { ...query, unused: true, limit: 1 };
    const { items: unused, audited } = await context.api().get<ApiGrants>('grants', head);
    const gate = values['fail-on-unused'] === true && unused.length > 0 ? exitCode.failed : exitCode.ok;
    context.settle(gate);
    await printListing<ApiGrant>(context, {
      path: 'grants',
      query,
      peopleLimit,
      cutNote: (limit) => `The first ${limit}; --limit N shows more.`,
      async people(items, isWide) {
        printGrants(context, await Array.fromAsync(items), isWide);
      },
    });
    for (const { cluster, since, drops } of audited) {
      if (since === null)
        context.warn(`${cluster}: no audit event is known of that time: nobody can say what was used`);
      else if (drops > 0)
        context.warn(
          `${cluster}: audit events were lost ${drops} time${drops === 1 ? '' : 's'}: what is unused may have been used then`,
        );
    }
    if (gate === exitCode.failed) context.warn('there are grants that were not used: exit 1');
    return gate;
  },
};

function printGrants(context: CommandContext, grants: readonly ApiGrant[], isWide: boolean): void {
  if (grants.length === 0) {
    context.print('No grants.');
    return;
  }
  if (isWide) for (const grant of grants) context.print(`${wideGrant(grant, context.paint)}\n`);
  else {
    const rows = grants.map((grant) => [
      subjectText(grant),
      grant.cluster,
      grant.namespace === '' ? '(all)' : grant.namespace,
      bindingText(grant),
      `${grant.role.kind}/${grant.role.name}`,
      grant.use,
      shorten(unitsText(grant.unused), unitsWidth),
      grant.lastUsedAt === null ? '' : localTime(grant.lastUsedAt),
    ]);
    const header = ['SUBJECT', 'CLUSTER', 'NAMESPACE', 'BINDING', 'ROLE', 'USE', 'NOT USED', 'LAST USED'];
    context.print(table(header, rows, { columns: context.columns, flexible: [6, 3, 0, 4] }));
  }
  const unused = grants.filter((grant) => grant.unused.length > 0).length;
  const hint = isWide ? '' : context.paint.dim('  (-o wide shows what was used, and of what the log says nothing)');
  context.print(`\n${grants.length} grant${grants.length === 1 ? '' : 's'}, ${unused} not used in full${hint}`);
}

function subjectText({ subject: { kind, namespace, name } }: ApiGrant): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

function bindingText({ binding }: ApiGrant): string {
  return `${binding.kind}/${binding.name}`;
}

function unitsText(units: readonly ApiGrantUnits[]): string {
  return units.map(({ resources, verbs }) => `${verbs.join(',')} ${resources.join(',')}`).join('; ');
}

function wideGrant(grant: ApiGrant, paint: Paint): string {
  const { binding, role, namespace, boundAt, uses, unused, notObservable } = grant;
  const place = binding.namespace === '' ? '' : `${binding.namespace}/`;
  const lines = [
    [
      'by',
      `${binding.kind} ${place}${binding.name} to ${role.kind} ${role.name}${boundAt === null ? '' : `, since ${boundAt}`}`,
    ],
    ['where', `${namespace === '' ? 'all namespaces' : namespace} in ${grant.cluster}`],
    ...uses.map(({ verb, resource, requests, lastUsedAt }, at) => [
      at === 0 ? 'used' : '',
      `${verb} ${resource}: ${requests} request${requests === 1 ? '' : 's'}, the last at ${lastUsedAt}`,
    ]),
    ...unitLines('unused', unused),
    ...unitLines('no word', notObservable),
  ];
  return [
    `${paint.bold(printable(subjectText(grant)))}  ${grant.use}`,
    ...lines.map(([label = '', value = '']) => `  ${paint.dim(label.padEnd(8))}${printable(value)}`),
  ].join('\n');
}

function unitLines(label: string, units: readonly ApiGrantUnits[]): readonly (readonly string[])[] {
  return units.map((unit, at) => [at === 0 ? label : '', unitsText([unit])]);
}
