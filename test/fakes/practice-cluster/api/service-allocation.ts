import { randomInt } from 'node:crypto';
import { type JsonObject, objectAt, objectsAt, stringAt, without } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';

const nodePortOf = (port: JsonObject): number => Number(port['nodePort'] ?? 0);

const needsNodePort = (spec: JsonObject): boolean => spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer';

/** The spec of a Service with a port of the nodes for each of its ports: the one that `ports` gives its name, or a new one. */
export const withNodePorts = (spec: JsonObject, ports: readonly JsonObject[] = []): JsonObject => {
  const wanted = objectsAt(spec, 'ports');
  if (!needsNodePort(spec) || wanted.length === 0) return spec;
  const used = new Set(wanted.map(nodePortOf));
  const given = wanted.map((port) => {
    if (nodePortOf(port) !== 0) return port;
    const previous = ports.find((item) => stringAt(item, 'name') === stringAt(port, 'name'));
    let nodePort = previous === undefined ? 0 : nodePortOf(previous);
    while (used.has(nodePort) || nodePort === 0) nodePort = randomInt(30_000, 32_768);
    used.add(nodePort);
    return { ...port, nodePort };
  });
  return { ...spec, ports: given };
};

/** The spec of a Service after an update: what it was given and the update does not name, it keeps. */
export const keptAllocations = (before: KubeObject, after: JsonObject): JsonObject => {
  const old = objectAt(before, 'spec');
  const spec = objectAt(after, 'spec');
  if (spec['type'] === 'ExternalName') return spec;
  const keepsAddress = stringAt(spec, 'clusterIP') === '' && old['clusterIP'] !== undefined;
  const addressed = keepsAddress
    ? { ...without(spec, 'clusterIPs'), clusterIP: old['clusterIP'] ?? '', clusterIPs: old['clusterIPs'] ?? [] }
    : spec;
  return withNodePorts(addressed, needsNodePort(old) ? objectsAt(old, 'ports') : []);
};
