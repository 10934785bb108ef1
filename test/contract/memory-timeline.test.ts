import { createMemoryStore, openMemoryTimeline } from '../fakes/memory-timeline.ts';
import { timelineContract } from './timeline.ts';

timelineContract('memory timeline', async () => {
  const store = createMemoryStore();
  const timeline = openMemoryTimeline(store);
  return {
    writer: timeline,
    recovery: timeline,
    reopen: async () => {
      const again = openMemoryTimeline(store);
      return { writer: again, recovery: again };
    },
    close: async () => {},
  };
});
