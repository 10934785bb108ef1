/** What is wrong with a Hello, before anything is looked up. What it says of itself ends up in log lines and rows. */
import { protocolVersion } from '@driftline/proto';
import type { Hello } from '@driftline/proto';
import { collectorEpoch } from '../cluster-memory.ts';
import type { Refusal } from './refusal.ts';
import { safeUid } from './tokens.ts';

const epochPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Characters of what an agent says about itself. */
const maxTextCharacters = 256;

export const helloFault = (hello: Hello): Refusal | undefined => {
  const code = 'protocol-violation';
  if (hello.protocol !== protocolVersion)
    return {
      code: 'protocol-version',
      message: `the agent speaks protocol ${hello.protocol}, this collector ${protocolVersion}`,
    };
  if (!epochPattern.test(hello.epoch) || hello.epoch === collectorEpoch)
    return { code, message: 'the epoch is not a usable name' };
  if (hello.firstSequence > hello.lastSequence) return { code, message: 'the first sequence lies behind the last' };
  if (hello.clusterUid !== '' && !safeUid.test(hello.clusterUid))
    return { code, message: 'the uid of the cluster is not one that an API server makes' };
  const { cluster, instance, agentVersion, kubernetesVersion, redactionKeyId } = hello;
  if (
    [cluster, instance, agentVersion, kubernetesVersion, redactionKeyId].some((text) => text.length > maxTextCharacters)
  )
    return { code, message: `a text of the Hello is longer than ${maxTextCharacters} characters` };
  return undefined;
};
