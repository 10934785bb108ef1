/** The Kubernetes contract that the practice cluster keeps, held against the API server it imitates. */
import { readFileSync } from 'node:fs';
import { kubeApiContract } from '../contract/kube-api.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';

const askEtcd = async (control: ControlPlane, path: string, body: object): Promise<unknown> => {
  const answer = await fetch(`${control.etcd}${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
};

/** etcd forgets, and the API server forgets what it had cached by starting again. */
const expireHistory = async (control: ControlPlane): Promise<void> => {
  const { header } = (await askEtcd(control, '/v3/maintenance/status', {})) as { header: { revision: string } };
  await askEtcd(control, '/v3/kv/compaction', { revision: header.revision, physical: true });
  control.crash('apiserver');
  control.start('apiserver');
};

kubeApiContract(async () => {
  const control = startControlPlane();
  return {
    url: control.server,
    token: control.adminToken,
    ca: readFileSync(control.caFile, 'utf8'),
    expireHistory: () => expireHistory(control),
    close: async () => control.stop(),
  };
});
