import type { Json, JsonObject } from './json.ts';

export type OwnerReference = JsonObject & {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

export type ManagedFieldsEntry = JsonObject & {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonObject;
  subresource?: string;
};

export type Metadata = JsonObject & {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
};

/** An object as it is stored: complete metadata, storage version. */
export type KubeObject = JsonObject & { apiVersion: string; kind: string; metadata: Metadata };

export const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? '';

export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

export const ownerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** Labels are strings by validation; anything else is treated as absent. */
export const labelsOf = (value: Json | undefined): { [key: string]: string } => {
  const labels: { [key: string]: string } = {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return labels;
  for (const [key, label] of Object.entries(value)) if (typeof label === 'string') labels[key] = label;
  return labels;
};
