/** What a scan reads and what it finds. */
import type { ControlMeta, ObjectKey } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import type { Severity } from '../severity.ts';

/** A place in a file, as people open it. Lines and columns count from 1; line 0: the place inside is not known. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };

/** Something that could not be read or judged: the answer is not complete. */
export type Problem = Place & { readonly reason: string };

/** An object as a file has it, without its secrets. */
export type ScannedObject = {
  readonly key: ObjectKey;
  readonly object: JsonObject;
  /** Where it stands otherwise, such as a Terraform address; ''. */
  readonly address: string;
  /** Field paths of credentials that stand in it, with what they look like. */
  readonly credentials: readonly Credential[];
  /** Where a field path is in the file, or its nearest parent. */
  readonly locate: (path: string) => Place;
};

export type Credential = {
  readonly path: string;
  /** `password`, `aws-access-key` …: the class, never the value. */
  readonly looksLike: string;
};

/** What is not judged, because it is no object, or judged in its rendered form: only credentials are looked for. */
export type ScannedText = Omit<ScannedObject, 'object'>;

/** Of a text that is no object. */
export const noObject: ObjectKey = { group: '', kind: '', namespace: '', name: '' };

export type ScanFinding = {
  readonly control: ControlMeta;
  readonly severity: Severity;
  readonly object: ObjectKey;
  readonly address: string;
  readonly path: string;
  readonly value: string;
  readonly reason: string;
  readonly place: Place;
  /** Id of the exception that waives it now; ''. */
  readonly exception: string;
};

/** `Deployment shop/web`, or what else the finding is about. */
export function subjectName({ object, address }: Pick<ScanFinding, 'object' | 'address'>): string {
  if (object.kind === '') return address === '' ? object.name : address;
  return `${object.kind} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}`;
}

/** A place as editors and terminals link it. */
export function placeText({ file, line }: Place): string {
  return line === 0 ? file : `${file}:${line}`;
}
