import { after, before, describe } from 'node:test';
import { accessContract } from './kube-api/access.ts';
import { collectionContract } from './kube-api/collections.ts';
import { definitionContract } from './kube-api/definitions.ts';
import { deletionContract } from './kube-api/deletion.ts';
import { objectContract } from './kube-api/objects.ts';
import { patchContract } from './kube-api/patches.ts';
import { watchContract } from './kube-api/watches.ts';
import { call, type ContractCluster } from './kube-client.ts';

export type { ContractCluster } from './kube-client.ts';

/** What the cases share: the cluster, and a namespace of their own in it. */
export type Contract = { readonly cluster: () => ContractCluster; readonly namespace: string };

/**
 * What the agent relies on of a Kubernetes API server. The practice cluster and a real kube-apiserver pass the same
 * cases; a difference between them is a fault of the practice cluster.
 */
export const kubeApiContract = (openCluster: () => Promise<ContractCluster>): void => {
  describe('kube API contract', () => {
    let opened: ContractCluster | undefined;
    const cluster = (): ContractCluster => {
      if (opened === undefined) throw new Error('the cluster is not open yet');
      return opened;
    };
    const namespace = `contract-${Date.now().toString(36)}`;
    before(async () => {
      opened = await openCluster();
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
      const created = await call(opened, '/api/v1/namespaces', { method: 'POST', body });
      if (created.status !== 201) throw new Error(`cannot create namespace ${namespace}: ${created.text}`);
    });
    after(async () => {
      if (opened === undefined) return;
      await call(opened, `/api/v1/namespaces/${namespace}`, { method: 'DELETE' });
      await opened.close();
    });
    const contract: Contract = { cluster, namespace };
    accessContract(contract);
    objectContract(contract);
    collectionContract(contract);
    watchContract(contract);
    patchContract(contract);
    deletionContract(contract);
    definitionContract(contract);
  });
};
