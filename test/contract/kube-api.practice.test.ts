import { openPracticeCluster } from '../fakes/practice-cluster/index.ts';
import { kubeApiContract } from './kube-api.ts';

kubeApiContract(async () => {
  const cluster = await openPracticeCluster({ bookmarkIntervalMs: 500 });
  return {
    url: cluster.url,
    token: cluster.adminToken,
    expireHistory: async () => cluster.compact(),
    close: () => cluster.stop(),
  };
});
