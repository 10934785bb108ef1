/**
 * What a control is, what it may see, and what it answers: the types every language, the engine, the library and the
 * collector agree on. Paths in violations are field paths as kubectl and Kubernetes errors write them, with list items
 * named where they have a name: `spec.template.spec.containers[name=web].securityContext.privileged`.
 */
import type { JsonObject } from '@driftline/proto';
import type { ReadPath } from './read-path.ts';

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';
export type Category = 'identity' | 'network' | 'data' | 'compute' | 'supply-chain' | 'governance';

/** A kind as controls name it: group '' is core. */
export type GroupKind = { readonly group: string; readonly kind: string };

/** An object as the engine knows it: by group, kind, namespace ('' for cluster-scoped) and name. */
export type ObjectKey = GroupKind & { readonly namespace: string; readonly name: string };

export type FrameworkMapping = { readonly framework: string; readonly requirements: readonly string[] };

export type Remediation = {
  /** What to do, in one or two sentences. */
  readonly summary: string;
  /** The exact fields to set. */
  readonly fields: readonly string[];
  /** What is likely to break or change when it is done. */
  readonly impact: string;
};

/** The part of a control that people read. */
export type ControlMeta = {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** Weight in the posture score, > 0. */
  readonly weight: number;
  readonly category: Category;
  readonly rationale: string;
  readonly remediation: Remediation;
  readonly references: readonly string[];
  readonly frameworks: readonly FrameworkMapping[];
};

export type Violation = {
  /** '' when the object as a whole fails. Together with control and object it identifies the finding. */
  readonly path: string;
  /** The offending value as short text; '' when there is none. Never a secret: input is redacted already. */
  readonly value: string;
  /** The sentence that says why. */
  readonly reason: string;
  /** Id of the exception that waives it for now. */
  readonly exception?: string;
};

export type Verdict =
  | { readonly verdict: 'pass' }
  | { readonly verdict: 'fail'; readonly violations: readonly Violation[] }
  /** It fails, and every violation is excepted. */
  | { readonly verdict: 'excepted'; readonly violations: readonly Violation[] }
  | { readonly verdict: 'not-applicable' }
  | { readonly verdict: 'not-assessable'; readonly reason: string }
  | { readonly verdict: 'unjudged'; readonly reason: string };

/** Labels selector in the Kubernetes form (matchLabels, matchExpressions). */
export type LabelSelector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
};

/**
 * The only way a control sees anything but its own object. Every read is recorded, and the evaluation runs again
 * exactly when the result of one of its reads changes. Results are frozen.
 */
export type TrackedView = {
  /** One object, or undefined. */
  get(key: ObjectKey): JsonObject | undefined;
  /** Objects of a kind, ordered by namespace and name. namespace undefined: in all namespaces. */
  list(query: {
    readonly group: string;
    readonly kind: string;
    readonly namespace?: string;
    readonly selector?: LabelSelector;
  }): readonly JsonObject[];
  /**
   * A projection of objects of a kind: like list, but dependents run again only when a projected value changes
   * (equality cut-off). `project` must be a pure named function registered with the engine.
   */
  facts<T>(fact: Fact<T>, namespace?: string): readonly FactOf<T>[];
  /** The projection of one object, or undefined when there is no such object or it contributes nothing. */
  fact<T>(fact: Fact<T>, key: ObjectKey): T | undefined;
  /**
   * The facts whose `keys` contain `key`, in all namespaces: an index, so that dependents run again only when one of
   * those changes. Use it wherever facts() over all namespaces would be asked by many objects.
   */
  lookup<T>(fact: Fact<T>, key: string): readonly FactOf<T>[];
  /** Whether the time has reached `deadlineMs` (milliseconds since the Unix epoch). The evaluation runs again when it does. */
  now(deadlineMs: number): boolean;
  /**
   * Whether objects of this kind can be seen. A kind the API server does not serve is covered: there are none.
   * Reading a kind that is not covered without having asked ends the evaluation as not-assessable.
   */
  covers(kind: GroupKind): boolean;
};

/** A named pure projection of one object; undefined means the object contributes nothing. T must be plain JSON. */
export type Fact<T> = {
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  readonly project: (object: JsonObject) => T | undefined;
  /**
   * What `project` reads, as paths from the object's root. It is handed this and nothing else of the object, so nothing
   * can be forgotten here in silence; and the object is projected again only when something of this changes. Absent: it
   * gets the whole object, at every change.
   */
  readonly reads?: readonly ReadPath[];
  /** Index keys of a fact, for lookup(). Pure; a fact without it cannot be looked up. */
  keys?(value: T, key: ObjectKey): readonly string[];
};

export type FactOf<T> = { readonly key: ObjectKey; readonly value: T };

export type PolicyLanguageName = 'cel' | 'relation' | 'validating-admission-policy' | 'kyverno' | 'gatekeeper' | 'rego';

/**
 * What evaluations read of their own object: with equal values there (and unchanged reads of the view) the answer is the
 * same, whatever else changed. A path too many costs an evaluation; one that is missing is a wrong answer.
 */
export type OwnReads = {
  /** What the verdict depends on. */
  readonly deciding: readonly ReadPath[];
  /** What is read besides when the verdict is neither pass nor not-applicable: for values, reasons and paths. */
  readonly telling: readonly ReadPath[];
};

/** A control ready to run, whatever language it was written in. */
export type CompiledControl = {
  readonly meta: ControlMeta;
  readonly language: PolicyLanguageName;
  /** Kinds it judges, by name. */
  readonly kinds: readonly GroupKind[];
  /** Whether it judges a kind that `kinds` does not name: for rules by resource or with wildcards. Pure. */
  judgesKind?(kind: GroupKind): boolean;
  /** True when evaluate reads nothing but its own object (the engine then needs no tracking). */
  readonly selfContained: boolean;
  /** Digest of everything its answers depend on: with an equal one, a reloaded control judges nothing again. */
  readonly digest?: string;
  /**
   * What it reads of an object of one of its kinds, as far as that is known before it runs; absent or undefined: it does
   * not know, and runs at every change. The object's apiVersion and kind name that kind: the engine sees to it.
   */
  reads?(kind: GroupKind): OwnReads | undefined;
  evaluate(object: JsonObject, view: TrackedView): Verdict;
  /**
   * 'change': it reads the object before or who asks, so it says nothing of states and `kinds` is empty. 'both': it reads
   * which operation it is; a state is a creation to it, and of a change it says what it does not say of the new state.
   */
  readonly judges?: 'change' | 'both';
  /** Whether it may judge observed changes of this kind. Pure; a control that judges changes has it. */
  judgesChangesOf?(kind: ChangedKind): boolean;
  /** What an admission policy says of the request that made a change. */
  evaluateChange?(change: RequestedChange, view: TrackedView): Verdict;
};

/** `resource` is the kind's plural, as its API server names it. */
export type ChangedKind = GroupKind & { readonly resource: string };

/** A change as an admission policy sees it, in the words of AdmissionReview. */
export type RequestedChange = {
  /** Null for a deletion. */
  readonly object: JsonObject | null;
  /** Null for a creation. */
  readonly oldObject: JsonObject | null;
  /** AdmissionRequest without the objects: operation, userInfo, kind, name, namespace … as far as they are known. */
  readonly request: JsonObject;
  /** Of an observed change: who asked for it, as far as that is known. Absent: what `request` lacks is not there. */
  readonly asking?: Asking;
};

/** Who made a request, in the API server's words: of an impersonating one, who was impersonated. */
export type Requester = {
  readonly username: string;
  /** Undefined when they are not known. */
  readonly groups: readonly string[] | undefined;
};

export type Asking = {
  readonly requester: Requester | undefined;
  /** Told of every field of the request that is read and not known: the evaluation does not go on as if it were absent. */
  note(field: string): void;
};

export type FindingState = 'opened' | 'updated' | 'resolved' | 'reopened' | 'excepted';

/** (control, object, path) that fails. */
export type FindingKey = {
  readonly control: string;
  readonly object: ObjectKey;
  readonly uid: string;
  readonly path: string;
};

export type Transition = {
  readonly finding: FindingKey;
  readonly state: FindingState;
  readonly severity: Severity;
  readonly title: string;
  readonly value: string;
  readonly reason: string;
};

/** One observed change as the engine takes it. Objects that were handed in are never written to afterwards. */
export type ObjectChange = {
  readonly key: ObjectKey;
  readonly uid: string;
  /** undefined: deleted. */
  readonly after: JsonObject | undefined;
  /** Names the content of `after`: equal digests are equal objects. */
  readonly digest?: string;
  /**
   * A form of the object that the caller has at hand. When it is the one the engine was given last (its digest says so),
   * only controls that read what differs are judged; parts that both share make finding that cheap. An engine without a
   * store remembers the form itself.
   */
  readonly earlier?: { readonly object: JsonObject; readonly digest: string } | undefined;
};
