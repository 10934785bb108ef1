/** `driftline status --rejected`: what the collector could not read, and why. The input itself is not kept. */
import type { ApiRecord, ApiStatus } from '@driftline/proto';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { localTime, table } from '../output/text.ts';
import type { CommandContext } from './command.ts';
import { outputFormat, printData } from './scope.ts';

type Rejected = Extract<ApiRecord, { type: 'rejected' }> & { readonly cluster: string };

/** Of each cluster; machines get as many. */
const shown = 1_000;

export async function printRejected(context: CommandContext, { agents }: ApiStatus): Promise<ExitCode> {
  const items: Rejected[] = [];
  for (const { cluster } of agents) items.push(...(await newestOf(context, cluster)));
  items.sort((a, b) => (a.at > b.at ? -1 : 1));
  const format = outputFormat(context.values);
  if (format === 'json' || format === 'yaml') await printData(context, { items });
  else if (items.length === 0) context.print('No input was rejected.');
  else {
    const isWide = format === 'wide';
    const rows = items.map(({ at, cluster, source, reason, detail, bytes, epoch, order }) => [
      isWide ? at : localTime(at),
      cluster,
      source,
      reason,
      String(bytes),
      ...(isWide ? [`${epoch}:${order[1]}`] : []),
      detail,
    ]);
    const header = ['TIME', 'CLUSTER', 'INPUT', 'REASON', 'BYTES', ...(isWide ? ['MESSAGE'] : []), 'DETAIL'];
    context.print(table(header, rows, { columns: isWide ? undefined : context.columns, flexible: [5] }));
  }
  return exitCode.ok;
}

/** The API gives the oldest first: of many, the last are kept. */
async function newestOf({ api }: CommandContext, cluster: string): Promise<readonly Rejected[]> {
  const kept: Rejected[] = [];
  for await (const record of api().items<ApiRecord>(
    'records',
    { cluster, type: 'rejected' },
    Number.POSITIVE_INFINITY,
  )) {
    if (record.type !== 'rejected') continue;
    kept.push({ ...record, cluster });
    if (kept.length > shown * 2) kept.splice(0, shown);
  }
  return kept.slice(-shown);
}
