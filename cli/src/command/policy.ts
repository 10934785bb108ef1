/** `driftline policy ACTION [FOLDER…]`: the library, or other folders laid out like it. Only replay asks a collector. */
import type { Bundle } from '@driftline/policy';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { printable, table } from '../output/text.ts';
import { lintBundle } from './lint-bundle.ts';
import type { Command, CommandContext } from './command.ts';
import { printExceptions } from './policy-exceptions.ts';
import { exportHelp, exportOptions, exportPolicies } from './policy-export.ts';
import { replayHelp, replayOptions, replayPolicies } from './policy-replay.ts';
import { engine, isOwn, loadPolicies } from './policies.ts';
import { outputFormat, outputHelp, outputOptions, printData } from './scope.ts';

type Action = {
  /** Options of this action beside the common ones. */
  readonly options: readonly string[];
  run(context: CommandContext, bundle: Bundle): Promise<ExitCode>;
};

const actions: Readonly<Record<string, Action>> = {
  test: { options: [], run: testPolicies },
  lint: { options: ['strict'], run: lintPolicies },
  list: { options: [], run: listPolicies },
  exceptions: { options: [], run: printExceptions },
  replay: { options: Object.keys(replayOptions), run: replayPolicies },
  export: { options: Object.keys(exportOptions), run: exportPolicies },
};

const commonOptions: readonly string[] = ['output', 'library', 'server', 'token-file', 'ca', 'help'];

export const policyCommand: Command = {
  name: 'policy',
  usage: `policy ${Object.keys(actions).join('|')} [FOLDER…]`,
  summary: 'test, check, list or export policies and exceptions, or judge the recorded past by them',
  options: {
    ...outputOptions,
    ...replayOptions,
    ...exportOptions,
    strict: { type: 'boolean' },
    library: { type: 'boolean' },
  },
  help: [
    ['FOLDER…', "folders with policies and exceptions (default: Driftline's own library)"],
    ['--library', 'our own library beside the folders; exceptions always look at it'],
    ['--strict', 'lint: exit 1 for what is only worth mending, too'],
    ...replayHelp,
    ...exportHelp,
    ...outputHelp,
  ],
  async run(context) {
    const [name = '', ...folders] = context.positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined)
      throw new CliError(
        exitCode.usage,
        `${name === '' ? 'say what to do' : `policy has no '${name}'`}: ${Object.keys(actions)
          .map((known) => `driftline policy ${known}`)
          .join(', ')}`,
      );
    const foreign = Object.keys(context.values).find(
      (option) => !commonOptions.includes(option) && !action.options.includes(option),
    );
    if (foreign !== undefined) throw new CliError(exitCode.usage, `--${foreign} says nothing to policy ${name}`);
    const withLibrary = folders.length === 0 || name === 'exceptions' || context.values.library === true;
    return action.run(context, await loadPolicies({ folders, withLibrary }));
  },
};

async function testPolicies(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const { runCases } = await engine();
  const results = runCases(bundle, Date.parse);
  const failed = results.filter((result) => !result.ok);
  const untested = bundle.controls
    .filter(isOwn)
    .filter(({ cases }) => !['pass', 'fail'].every((answer) => cases().some(({ expect }) => expect === answer)));
  const format = outputFormat(context.values);
  if (format === 'json' || format === 'yaml') {
    await printData(context, {
      bundle: bundle.version,
      languages: languagesOf(bundle),
      notes: bundle.notes,
      items: results,
    });
  } else {
    for (const { file, line, column, reason } of bundle.notes)
      context.print(`note ${printable(`${file}:${line}:${column}`)}: ${printable(reason)}`);
    for (const { control, file, name, difference } of failed)
      context.print(`${context.paint.red('FAIL')} ${control} ${name}\n     ${difference}  (${file})`);
    for (const { control, at } of untested)
      context.print(`${context.paint.red('FAIL')} ${control.meta.id} has no passing or no failing case  (${at.file})`);
    context.print(
      `${count(bundle.controls.length, 'control')} (${languagesText(bundle)}), ${results.length - failed.length} cases passed, ${failed.length} failed (bundle ${bundle.version})`,
    );
  }
  return failed.length + untested.length === 0 ? exitCode.ok : exitCode.failed;
}

/** Controls by the language they are written in, in the order of the names. */
function languagesOf({ controls }: Bundle): Readonly<Record<string, number>> {
  const counts = Map.groupBy(controls, ({ control }) => control.language);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, own]) => [name, own.length]));
}

function languagesText(bundle: Bundle): string {
  const changes = bundle.controls.filter(({ control }) => control.judges === 'change').length;
  return [
    ...Object.entries(languagesOf(bundle)).map(([language, number]) => `${number} ${language}`),
    ...(changes === 0 ? [] : [`${changes} of them about changes only`]),
  ].join(', ');
}

async function listPolicies(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const metas = bundle.controls.map(({ control }) => ({ ...control.meta, language: control.language }));
  const format = outputFormat(context.values);
  if (format === 'json' || format === 'yaml') await printData(context, { bundle: bundle.version, items: metas });
  else
    context.print(
      table(
        ['CONTROL', 'SEVERITY', 'WEIGHT', 'CATEGORY', 'LANGUAGE', 'TITLE'],
        metas.map((meta) => [meta.id, meta.severity, String(meta.weight), meta.category, meta.language, meta.title]),
      ),
    );
  return exitCode.ok;
}

/** Files that are wrong are refused when they are loaded; this is about what would be better. */
async function lintPolicies(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const remarks = lintBundle(bundle);
  const format = outputFormat(context.values);
  if (format === 'json' || format === 'yaml') await printData(context, { bundle: bundle.version, items: remarks });
  else {
    for (const { file, line, column, reason } of remarks)
      context.print(`${printable(`${file}:${line}:${column}`)}: ${printable(reason)}`);
    context.print(`${count(bundle.controls.length, 'control')}, ${count(remarks.length, 'remark')}`);
  }
  return remarks.length > 0 && context.values.strict === true ? exitCode.failed : exitCode.ok;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
