import { Admin } from '@platformatic/kafka';

/** Broker id of the leader of a topic's first partition. */
export const leaderOf = async (brokers: readonly string[], topic: string): Promise<number> => {
  const admin = new Admin({ clientId: 'leader-of', bootstrapBrokers: [...brokers], retries: true });
  try {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    const leader = metadata.topics.get(topic)?.partitions[0]?.leader;
    if (leader === undefined) throw new Error(`the cluster has no topic ${topic}`);
    return leader;
  } finally {
    await admin.close();
  }
};
