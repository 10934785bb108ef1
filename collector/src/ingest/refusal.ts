import { refused } from '@driftline/proto';
import type { Refused, RefusalCode } from '@driftline/proto';

/** Why a stream is refused: `message` goes to the agent, `advice` (what to do about it) to the collector's log. */
export type Refusal = {
  readonly code: RefusalCode;
  readonly message: string;
  readonly advice?: string;
  /** The least wait, where it is not the code's. */
  readonly retryAfterMs?: number;
};

export const refusalFrame = ({ code, message, retryAfterMs }: Refusal): Refused => ({
  ...refused(code, message),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

/** For whoever runs the collector, where the refusal itself does not know better. */
export const adviceOn = (code: RefusalCode): string | undefined => {
  switch (code) {
    case 'unauthenticated':
      return 'put the token of the agent (or its SHA-256) in the tokens file, or give the agent the token that is there';
    case 'forbidden':
      return 'give the agent a token of role agent';
    case 'protocol-version':
      return 'upgrade the older of agent and collector';
    default:
      return undefined;
  }
};
