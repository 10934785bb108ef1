import { homedir } from 'node:os';

/** Undefined for a user whom the system does not know, as a container's: such a one has no home. */
export function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
