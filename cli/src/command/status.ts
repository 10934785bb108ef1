/** `driftline status`: who watches what, how far behind, and what could not be seen. */
import type { ApiAgentStatus, ApiCoverage, ApiStatus } from '@driftline/proto';
import { exitCode } from '../exit-code.ts';
import { duration, localTime, printable, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
import {
  clusterHelp,
  clusterOptions,
  outputFormat,
  outputHelp,
  outputOptions,
  printData,
  refuseArguments,
  requireKnownScope,
} from './scope.ts';
import { printRejected } from './status-rejected.ts';
import { auditingText } from './status-auditing.ts';

export const statusCommand: Command = {
  name: 'status',
  usage: 'status [options]',
  summary: 'agents, lag, gaps, coverage; exit 1 when an agent is away or policies are refused',
  options: { ...clusterOptions, ...outputOptions, rejected: { type: 'boolean' } },
  help: [...clusterHelp, ['--rejected', 'instead: the input that could not be read, newest first'], ...outputHelp],
  async run(context) {
    refuseArguments(context);
    const status = await context.api().get<ApiStatus>('status', { cluster: text(context.values, 'context') });
    if (status.agents.length === 0) await requireKnownScope(context);
    const format = outputFormat(context.values);
    if (context.values.rejected === true) return printRejected(context, status);
    if (format === 'json' || format === 'yaml') await printData(context, status);
    else printStatus(context, status, format === 'wide');
    return status.policies.refused === null &&
      status.agents.length > 0 &&
      status.agents.every((agent) => agent.connected !== false)
      ? exitCode.ok
      : exitCode.failed;
  },
};

function printStatus(context: CommandContext, status: ApiStatus, isWide: boolean): void {
  const { print } = context;
  print(`Driftline ${status.version} (${status.mode}), ${status.controls} controls, policy bundle ${status.bundle}`);
  printRefusal(context, status);
  if (status.agents.length === 0) print('\nNo agent has connected yet.');
  else {
    const rows = status.agents.map((agent) => [
      agent.cluster,
      connectionText(agent),
      agent.kubernetesVersion === '' ? '-' : agent.kubernetesVersion,
      String(agent.objects),
      `${agent.recordedSequence}/${agent.lastSequence}`,
      agent.lagMs === null ? '-' : duration(agent.lagMs),
      agent.lastRecordedAt === null ? '-' : localTime(agent.lastRecordedAt),
      String(agent.gaps),
      agent.connected === true ? `${Math.ceil(agent.spoolBytes / 1024)} KiB` : '-',
    ]);
    print(
      `\n${table(['CLUSTER', 'AGENT', 'KUBERNETES', 'OBJECTS', 'RECORDED', 'LAG', 'LAST RECORD', 'GAPS', 'SPOOL'], rows)}`,
    );
  }
  const away = status.agents.filter((agent) => agent.connected === false).length;
  if (away > 0)
    print(`\n${away} of ${status.agents.length} agents away: what happens there now is not seen until they are back.`);
  const unknown = status.agents.filter((agent) => agent.connected === null).length;
  if (unknown > 0)
    print(
      `\n${unknown} of ${status.agents.length} agents not connected here: in a fleet, only their gateway knows whether they are there.`,
    );
  printGaps(context, status, isWide);
  printCoverage(context, status.coverage, isWide);
  const auditing = auditingText(status.auditing, status.coverage);
  if (auditing !== '') print(`\n${auditing}`);
  printRepositories(context, status);
  print(
    `\nJudging: ${status.unjudged} unjudged, ${status.notAssessable} not assessable. Input rejected: ${status.rejected}${status.rejected === 0 ? '' : " ('driftline status --rejected' shows it)"}.`,
  );
}

function printRepositories({ print }: CommandContext, { gitRepositories }: ApiStatus): void {
  if (gitRepositories.length === 0) return;
  const rows = gitRepositories.map(({ repository, branch, state, fetchedAt, problem }) => [
    printable(repository),
    printable(branch),
    state === 'failing' ? 'FAILING' : state,
    fetchedAt === null ? '-' : localTime(fetchedAt),
    printable(problem),
  ]);
  print(`\n${table(['GIT REPOSITORY', 'BRANCH', 'STATE', 'LAST FETCH', 'PROBLEM'], rows)}`);
}

function printRefusal({ print }: CommandContext, { bundle, policies: { refused } }: ApiStatus): void {
  if (refused === null) return;
  print(`\nThe policy files are REFUSED since ${localTime(refused.since)}; bundle ${bundle} goes on:`);
  for (const { file, line, column, reason } of refused.problems)
    print(`  ${printable(`${file}:${line}:${column}: ${reason}`)}`);
}

function connectionText({ connected }: ApiAgentStatus): string {
  if (connected === null) return 'not here';
  return connected ? 'connected' : 'AWAY';
}

const gapsShown = 10;

function printGaps({ print }: CommandContext, status: ApiStatus, isWide: boolean): void {
  if (status.gaps.length === 0) {
    print('\nGaps: none.');
    return;
  }
  const shown = isWide ? status.gaps : status.gaps.slice(0, gapsShown);
  const rows = shown.map((gap) => [
    gap.cluster,
    gap.resource === '' ? 'everything' : gap.resource,
    gap.cause,
    localTime(gap.from),
    localTime(gap.to),
    gap.detail,
  ]);
  const more = status.gaps.length - shown.length;
  print(
    `\n${table(['CLUSTER', 'GAP IN', 'CAUSE', 'FROM', 'TO', 'DETAIL'], rows)}${more > 0 ? `\n… and ${more} more (-o wide shows all)` : ''}`,
  );
}

function printCoverage({ print }: CommandContext, coverage: readonly ApiCoverage[], isWide: boolean): void {
  const count = (state: ApiCoverage['state']): number => coverage.filter((kind) => kind.state === state).length;
  const listing = count('listing');
  const blind = coverage.filter(({ state }) => state !== 'watched' && state !== 'listing' && state !== 'excluded');
  const first = listing === 0 ? '' : `${listing} being listed for the first time, `;
  print(
    `\nCoverage: ${count('watched')} kinds watched, ${first}${blind.length} not seen, ${count('excluded')} excluded.`,
  );
  const listed = isWide ? coverage : blind;
  if (listed.length === 0) return;
  print(
    table(
      ['CLUSTER', 'KIND', 'STATE', 'REASON'],
      listed.map((kind) => [
        kind.cluster,
        kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`,
        kind.state,
        kind.reason,
      ]),
    ),
  );
}
