/** Wires that break in every way they can, and an API server that answers with trouble. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAnswer } from './api-front.ts';
import { makeCertificate } from './certificates.ts';
import type { Effect } from './effects.ts';
import type { Fault, Part, Stage } from './fault.ts';
import { noting } from './fault.ts';
import type { Link, LinkMode } from './link.ts';
import type { Random } from './random.ts';

type Wire = {
  readonly part: Part;
  readonly name: string;
  readonly of: (stage: Stage) => Link;
  readonly types: readonly Effect['type'][];
};

const api: Wire = {
  part: 'API wire',
  name: 'wire to the API server',
  of: ({ system }) => system.toApiServer,
  types: ['blind'],
};
const collector: Wire = {
  part: 'collector wire',
  name: 'wire to the collector',
  of: ({ system }) => system.toCollector,
  types: ['unrecorded'],
};

/** A connection without a byte for 150 s is taken for dead by the agent; by both ends of the stream after 45 s. */
const deadAfterMs = { 'API wire': 155_000, 'collector wire': 50_000 };

const wire = (broken: Wire, modeOf: (random: Random) => LinkMode, forMs: readonly [number, number]): Fault => ({
  parts: [broken.part],
  act: async (stage) => {
    const mode = modeOf(stage.random);
    await noting(stage, { fault: `${broken.name} ${mode.type}`, types: broken.types }, async () => {
      broken.of(stage).set(mode);
      await sleep(stage.random.between(...forMs));
      broken.of(stage).open();
    });
  },
});

/** The peer is gone without a word: only silence tells, so it takes as long as silence must last. */
const halfOpen = (broken: Wire, patienceMs: number): Fault => ({
  parts: [broken.part],
  isLong: true,
  act: async (stage) => {
    await noting(stage, { fault: `${broken.name} half-open`, types: broken.types }, async () => {
      broken.of(stage).set({ type: 'half-open' });
      await sleep(stage.random.between(500, 3_000));
      broken.of(stage).open();
      await sleep(patienceMs);
    });
  },
});

const cut = (): LinkMode => ({ type: 'cut' });
const stalled = (): LinkMode => ({ type: 'stalled' });
const slow = (random: Random): LinkMode => ({ type: 'slow', bytesPerS: random.between(20_000, 200_000) });
const breaking = (random: Random): LinkMode => ({ type: 'breaking', afterBytes: () => random.between(1, 60_000) });

/** For some time a share of the answers is trouble. */
const answers = (answerOf: (random: Random) => ApiAnswer, forMs: readonly [number, number]): Fault => ({
  parts: ['API answers'],
  ...(forMs[1] > 20_000 ? { isLong: true as const } : {}),
  act: async (stage) => {
    const { system, random } = stage;
    const share = random.pick([0.3, 1]);
    await noting(stage, { fault: 'API server answers with trouble', types: ['blind'] }, async () => {
      // Watches that are open would not ask anything.
      system.toApiServer.set({ type: 'cut' });
      system.front.answer = () => (random.chance(share) ? answerOf(random) : undefined);
      system.toApiServer.open();
      await sleep(random.between(...forMs));
      system.front.answer = () => undefined;
    });
  },
});

const status = (code: 429 | 500 | 503, retryAfterS?: number): ApiAnswer => ({
  type: 'status',
  status: code,
  ...(retryAfterS === undefined ? {} : { retryAfterS }),
});

export const networkFaults = {
  'cut-api': wire(api, cut, [200, 3_000]),
  'cut-collector': wire(collector, cut, [200, 6_000]),
  'stall-api': wire(api, stalled, [500, 6_000]),
  'stall-collector': wire(collector, stalled, [500, 6_000]),
  'slow-api': wire(api, slow, [2_000, 6_000]),
  'slow-collector': wire(collector, slow, [2_000, 6_000]),
  'break-api': wire(api, breaking, [1_000, 5_000]),
  'break-collector': wire(collector, breaking, [1_000, 5_000]),
  'half-open-api': halfOpen(api, deadAfterMs['API wire']),
  'half-open-collector': halfOpen(collector, deadAfterMs['collector wire']),
  'api-429': answers((random) => status(429, random.between(1, 2)), [1_000, 5_000]),
  'api-500': answers(() => status(500), [1_000, 5_000]),
  'api-503': answers(() => status(503), [1_000, 5_000]),
  'api-503-for-long': answers(() => status(503), [30_000, 45_000]),
  'api-silent': answers(() => ({ type: 'silence' }), [65_000, 70_000]),
  /** The API server's certificate is replaced by one that nobody can check, and then by a good one. */
  'rotate-certificate': {
    parts: ['API answers', 'API wire'],
    act: async (stage) => {
      const { system, random, cluster } = stage;
      const pki = join(cluster.control.dir, 'pki');
      await noting(stage, { fault: 'certificate rotated', types: ['blind'] }, async () => {
        for (const authority of ['nobody', 'cluster'] as const) {
          system.front.serveWith(makeCertificate(pki, authority));
          system.toApiServer.set({ type: 'cut' });
          system.toApiServer.open();
          await sleep(random.between(500, 3_000));
        }
      });
    },
  },
  /** The token expires; the new one comes a little later, as with a slow kubelet. */
  'expire-token': {
    parts: ['API answers', 'API wire'],
    act: async (stage) => {
      const { system, random } = stage;
      await noting(stage, { fault: 'token expired', types: ['blind'] }, async () => {
        const token = `agent-token-${random.between(1, 1e9)}`;
        system.front.token = token;
        system.toApiServer.set({ type: 'cut' });
        system.toApiServer.open();
        await sleep(random.between(0, 3_000));
        system.writeToken(token);
        // Credentials are read again every 10 s, and at once after a refusal.
        await sleep(3_000);
      });
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
