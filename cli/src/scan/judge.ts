/**
 * All objects given together, judged by the engine that judges clusters. Files show what is in them: a kind of which
 * they hold no object is not covered, and what a control would have to know of it is not assessable.
 */
import {
  createEngine,
  type Engine,
  exceptControls,
  type Exception,
  holdsIn,
  type GroupKind,
  type LoadedControl,
  type ObjectChange,
  type ScoreCard,
  type Unanswered,
} from '@driftline/policy';
import { withoutDigests } from './credentials.ts';
import type { ScanFinding, ScannedObject } from './finding.ts';

export type Judged = {
  readonly findings: readonly ScanFinding[];
  readonly unanswered: readonly Unanswered[];
  readonly score: ScoreCard;
};

export type Policies = {
  readonly controls: readonly LoadedControl[];
  readonly exceptions: readonly Exception[];
  /** Whose exceptions hold; '': none that are for certain clusters. */
  readonly cluster: string;
};

export function judge(objects: readonly ScannedObject[], policies: Policies, nowMs: number): Judged {
  const controls = controlsOf(policies);
  const present = new Set(objects.map(({ key }) => kindText(key)));
  const engine = createEngine({ controls, covers: (kind) => present.has(kindText(kind)) });
  const metas = new Map(controls.map(({ meta }) => [meta.id, meta]));
  const findings: ScanFinding[] = [];
  const unanswered: Unanswered[] = [];
  let score: ScoreCard | undefined;
  for (const layer of layersOf(objects)) {
    engine.apply(layer.map(changeOf), nowMs);
    score ??= engine.score();
    for (const scanned of layer) {
      unanswered.push(...engine.unansweredOf(scanned.key));
      const found = findingsOf(engine, scanned, metas);
      findings.push(...found.filter((finding) => !isOpen(finding)));
      unanswered.push(...found.filter(isOpen).map(openQuestion));
    }
  }
  return { findings, unanswered, score: score ?? engine.score() };
}

function controlsOf({ controls, exceptions, cluster }: Policies) {
  const holding = exceptions.filter((exception) => holdsIn(exception, cluster));
  return exceptControls(
    controls.map(({ control }) => control),
    holding,
    cluster,
  );
}

function kindText({ group, kind }: GroupKind): string {
  return `${group}/${kind}`;
}

function keyText({ group, kind, namespace, name }: ScannedObject['key']): string {
  return [group, kind, namespace, name].join('\n');
}

/** Whoever applies a file without a namespace chooses one. */
function isOpen({ object, path }: ScanFinding): boolean {
  return object.namespace === '' && path === 'metadata.namespace';
}

function openQuestion({ control, object }: ScanFinding): Unanswered {
  const reason = 'the file names no namespace (--namespace says which it will be)';
  return { control: control.id, object, uid: '', state: 'not-assessable', reason };
}

/**
 * An object that is given several times (overlays of one base) is judged each time: the first of each together, then the
 * second ones in their place, and so on. Judging is incremental, so a layer costs what differs.
 */
function layersOf(objects: readonly ScannedObject[]): readonly (readonly ScannedObject[])[] {
  const seen = new Map<string, number>();
  const layers: ScannedObject[][] = [[]];
  for (const scanned of objects) {
    const key = keyText(scanned.key);
    const layer = seen.get(key) ?? 0;
    seen.set(key, layer + 1);
    (layers[layer] ??= []).push(scanned);
  }
  return layers;
}

/** Of one name is one object, so that another form of it is compared and not judged anew. */
function changeOf({ key, object }: ScannedObject): ObjectChange {
  return { key, uid: 'scanned', after: object };
}

function findingsOf(
  engine: Engine,
  scanned: ScannedObject,
  metas: ReadonlyMap<string, ScanFinding['control']>,
): readonly ScanFinding[] {
  return engine.findingsOf(scanned.key).flatMap(({ finding, severity, value, reason, exception = '' }) => {
    const control = metas.get(finding.control);
    if (control === undefined) return [];
    return [
      {
        control,
        severity,
        object: scanned.key,
        address: scanned.address,
        path: finding.path,
        value: withoutDigests(value),
        reason: withoutDigests(reason),
        place: scanned.locate(finding.path),
        exception,
      },
    ];
  });
}
