/** Whether a pod's egress policies let it ask the cloud's metadata service, which hands out the node's credentials. */
import { labelsAt, type RelationControl, valueAt } from '@driftline/policy';
import { type AdminRule, adminAction } from './admin-network-policies.ts';
import { blockHolds } from './ip-block.ts';
import { type Passage, passagesOf } from './network-policies.ts';

const address = '169.254.169.254';
const port = 80;

export const metadataAddress: RelationControl = {
  name: 'metadata-address',
  reads: [
    ['podSpec', 'hostNetwork'],
    ['podMeta', 'labels'],
  ],
  evaluate({ key: { namespace }, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const fail = (reason: string) =>
      ({ verdict: 'fail', violations: [{ path: `${pod.metaPath}.labels`, value: '', reason }] }) as const;
    const labels = labelsAt(pod.meta, 'labels');
    const passages = passagesOf(namespace, labels, 'egress', view);
    if (valueAt(pod.spec, 'hostNetwork') === true)
      return fail(`it uses the network of the node, where no policy keeps it from ${address}`);
    const selected = { namespace, labels, direction: 'egress' } as const;
    const before = adminAction('before', selected, holdsAddress, view);
    if (before === 'Deny') return { verdict: 'pass' };
    if (before === 'Allow') return fail(`an AdminNetworkPolicy allows ${address}`);
    if (passages === undefined) {
      const behind = adminAction('behind', selected, holdsAddress, view);
      return behind === 'Deny' ? { verdict: 'pass' } : fail(`no policy restricts its egress: ${address} answers`);
    }
    return passages.some(leads) ? fail(`its egress policies allow ${address}`) : { verdict: 'pass' };
  },
};

function holdsAddress({ networks }: AdminRule): boolean {
  return networks.some((cidr) => blockHolds(cidr, address));
}

function leads({ peers, ports }: Passage): boolean {
  if (ports !== undefined && !ports.some(([from, to]) => from <= port && port <= to)) return false;
  if (peers === undefined) return true;
  return peers.some(
    (peer) =>
      'cidr' in peer && blockHolds(peer.cidr, address) && !peer.except.some((cidr) => blockHolds(cidr, address)),
  );
}
