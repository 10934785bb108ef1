/**
 * Driftline's scan beside other tools on the same manifests, in one run: what each takes, and what it finds.
 *   npm run bench -- compare [--manifests 5000] [--only driftline,kube-score] [--rounds 1] [--json]
 * The corpora must be there (DRIFTLINE_CORPORA). The tools are built or installed when they are not cached; Go, Python 3
 * and the network are needed for that, so this bench is not in CI.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readLibrary } from '@driftline/policy/library';
import { agreementTable, type Answered, differenceTable, row } from './agreement.ts';
import { readableBy, writeManifests } from './manifests.ts';
import { type Measured, measured } from './measured.ts';
import { goTool } from './peers.ts';
import { type Tool, toolsFor } from './tools.ts';

const { values } = parseArgs({
  options: {
    manifests: { type: 'string', default: '5000' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const corpora = process.env.DRIFTLINE_CORPORA;
if (corpora === undefined)
  throw new Error('the manifests come from the corpora: set DRIFTLINE_CORPORA to their folder');

type Taken = Answered & { readonly tool: Tool; readonly best: Measured };

/** The least of the rounds: what disturbs only adds. */
function run(tool: Tool, folder: string, rounds: number): Taken {
  console.error(`${tool.name} …`);
  const output = join(folder, `${tool.name}.out`);
  const all = Array.from({ length: rounds }, () =>
    measured(tool.command, output, (file) => readFileSync(file, 'utf8')),
  );
  const best = all.reduce((a, b) => (b.cpuSeconds < a.cpuSeconds ? b : a));
  return { tool, name: tool.name, best, flags: tool.flags(best.stdout) };
}

function costTable(taken: readonly Taken[]): string {
  const own = taken.find(({ tool }) => tool.name === 'driftline')?.best.cpuSeconds ?? Number.NaN;
  return [
    row(['tool', 'version', 'asked', 'CPU s (user + sys)', 'times driftline', 'max RSS MiB', 'findings', 'objects']),
    row(Array.from({ length: 8 }, () => '---')),
    ...taken.map(({ tool: { name, version, rules }, best, flags }) => {
      const cost = [best.cpuSeconds.toFixed(2), (best.cpuSeconds / own).toFixed(2), Math.round(best.maxResidentMiB)];
      return row([name, version, rules, ...cost, flags.length, new Set(flags.map(({ file }) => file)).size]);
    }),
  ].join('\n');
}

const folder = mkdtempSync(join(tmpdir(), 'driftline-compare-'));
try {
  const manifestFolder = join(folder, 'manifests');
  const manifests = writeManifests(corpora, manifestFolder, {
    count: Number(values.manifests),
    canRead: readableBy(goTool('kube-score')),
  });
  const loaded = await readLibrary();
  if (!loaded.ok) throw new Error('the library does not load');
  const driftline = { version: loaded.bundle.version, controls: loaded.bundle.controls.length };
  const only = values.only?.split(',');
  const tools = toolsFor({ folder, corpora, manifestFolder, manifests, driftline });
  const loadBefore = loadavg()[0] ?? 0;
  const taken = tools
    .filter(({ name }) => only === undefined || only.includes(name))
    .map((tool) => run(tool, folder, Number(values.rounds)));
  const bytes = manifests.reduce((sum, { file }) => sum + statSync(file).size, 0);
  if (values.json) {
    const flags = taken.map((one) => [one.tool.name, one.flags.map(({ check, file }) => `${basename(file)} ${check}`)]);
    const named = manifests.map(({ file, object }) => ({ file, object }));
    console.log(JSON.stringify({ manifests: named, flags: Object.fromEntries(flags) }));
  } else {
    const load = `load average ${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`;
    console.log(
      `${manifests.length} manifests, ${(bytes / 1e6).toFixed(1)} MB of YAML, Node ${process.version}, ${load}\n`,
    );
    console.log(`${costTable(taken)}\n\n${agreementTable(taken)}\n\n${differenceTable(taken, manifests)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
