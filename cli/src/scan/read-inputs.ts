/** Paths become what is to be judged: files and standard input as they are, charts and kustomizations rendered. */
import { readFileSync } from 'node:fs';
import type { Json } from '@driftline/proto';
import type { Redactor } from './credentials.ts';
import { findFiles, type FoundInput, isInside, shownPath, unreadable } from './find-files.ts';
import type { Place, Problem, ScannedObject, ScannedText } from './finding.ts';
import { parseDocuments, type ParsedDocument } from './parse-documents.ts';
import { type ReadContext, readDocument } from './read-object.ts';
import { type Rendered, renderChart, renderKustomization } from './render.ts';
import { isTerraformPlan, objectsOfPlan } from './terraform-plan.ts';

export type InputOptions = {
  readonly redactor: Redactor;
  /** For objects that name none; ''. */
  readonly namespace: string;
  /** Values files for charts. */
  readonly values: readonly string[];
  readonly isSkipped: (path: string) => boolean;
  readonly readStdin: () => Promise<string>;
};

export type ScanInput = {
  readonly objects: readonly ScannedObject[];
  readonly texts: readonly ScannedText[];
  readonly problems: readonly Problem[];
  /** What was not done, and why, where the answer is complete all the same. */
  readonly notes: readonly string[];
  readonly fileCount: number;
};

export const stdinName = 'stdin';

export async function readInputs(paths: readonly string[], options: InputOptions): Promise<ScanInput> {
  const reader = new InputReader(options);
  const found = findFiles(
    paths.filter((path) => path !== '-'),
    options,
  );
  reader.problems.push(...found.problems);
  if (paths.includes('-')) reader.read(stdinName, await options.readStdin(), namedSource);
  const rendered = await reader.render(found.inputs);
  for (const input of found.inputs) {
    if (input.type !== 'file') continue;
    const isRendered = rendered.some((folder) => isInside(input.path, folder));
    reader.readFile(input, isRendered ? 'credentials' : 'all');
  }
  return reader;
}

type Source = {
  readonly isNamed: boolean;
  readonly isRendered: boolean;
  /** `credentials`: the objects are judged in their rendered form. */
  readonly takes: 'all' | 'credentials';
  readonly credentials: ReadContext['credentials'];
};

const namedSource: Source = { isNamed: true, isRendered: false, takes: 'all', credentials: 'everywhere' };
const chartSource: Source = { ...namedSource, isRendered: true, credentials: 'not-in-secrets' };
const kustomizationSource: Source = { ...namedSource, isRendered: true, credentials: 'nowhere' };

class InputReader implements ScanInput {
  readonly objects: ScannedObject[] = [];
  readonly texts: ScannedText[] = [];
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  fileCount = 0;
  readonly #options: InputOptions;

  constructor(options: InputOptions) {
    this.#options = options;
  }

  readFile({ path, isNamed }: Extract<FoundInput, { readonly type: 'file' }>, takes: Source['takes']): void {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      this.problems.push(unreadable(path, error));
      return;
    }
    this.read(shownPath(path), text, { ...namedSource, isNamed, takes });
  }

  read(file: string, text: string, source: Source): void {
    this.fileCount += 1;
    const { documents, problems } = parseDocuments(file, text.replace(/^\uFEFF/, ''));
    // In a folder, files of other programs lie about: what is no manifest at all need not be readable.
    if (source.isNamed || source.isRendered || looksLikeManifest(text)) this.problems.push(...problems);
    for (const document of documents) this.#take(document, source);
  }

  /** Answers with the folders of which the rendered form was read. */
  async render(inputs: readonly FoundInput[]): Promise<readonly string[]> {
    const { redactor, values, namespace } = this.#options;
    const done: string[] = [];
    const kustomizations = inputs.filter(({ type }) => type === 'kustomization');
    for (const { path } of inputs.filter(({ type }) => type === 'chart'))
      this.#takeRendered(path, await renderChart(path, values, { namespace, redactor }), chartSource);
    for (const { path } of kustomizations) {
      if (this.#takeRendered(path, await renderKustomization(path, redactor), kustomizationSource)) done.push(path);
    }
    // A base is judged in what builds on it, unless that could not be rendered.
    const isWhole = done.length === kustomizations.length;
    return isWhole ? [...done, ...inputs.filter(({ type }) => type === 'base').map(({ path }) => path)] : done;
  }

  #takeRendered(folder: string, rendered: Rendered, source: Source): boolean {
    const file = shownPath(folder);
    switch (rendered.type) {
      case 'text':
        this.read(file, rendered.text, source);
        return true;
      case 'failed':
        this.problems.push(rendered.problem);
        return false;
      case 'no-program':
        this.#missing(file, source, rendered.programs);
        return false;
    }
  }

  /** The files of a kustomization are manifests all the same; the templates of a chart are not. */
  #missing(file: string, source: Source, programs: string): void {
    if (source === chartSource) {
      const reason = `a Helm chart, and there is no ${programs} here to render it`;
      this.problems.push({ file, line: 0, column: 0, reason });
    } else {
      this.notes.push(
        `${file} is a kustomization: its files are judged as they are, for there is no ${programs} here to build it`,
      );
    }
  }

  #take(document: ParsedDocument, { isRendered, takes, credentials }: Source): void {
    const context = { ...this.#options, credentials };
    const { objects, texts, problems } = readDocument(isRendered ? atSource(document) : document, context);
    this.texts.push(...texts);
    this.problems.push(...problems);
    if (takes === 'all') this.objects.push(...objects);
    else this.texts.push(...objects);
    if (isTerraformPlan(document.value)) this.objects.push(...objectsOfPlan(document, context));
  }
}

/** Lines of what was rendered are nowhere to be opened: the template is named, where the renderer says which it was. */
function atSource(document: ParsedDocument): ParsedDocument {
  return {
    value: document.value satisfies Json,
    source: document.source,
    locate(base, path): Place {
      const { file } = document.locate(base, path);
      // `# Source: chart/templates/web.yaml` begins with the chart's name, which need not be its folder's.
      const template = document.source.replace(/^[^/]*\//, '');
      return { file: template === '' ? file : `${file}/${template}`, line: 0, column: 0 };
    },
  };
}

function looksLikeManifest(text: string): boolean {
  return /^\s*"?apiVersion"?\s*:/m.test(text) && /^\s*"?kind"?\s*:/m.test(text);
}
