/**
 * Whether commits bear a signature of an allowed signer: SSH ones by an allowed signers file, OpenPGP ones by a file of
 * public keys, which are brought into a keyring of their own. git and the programs it calls do the checking.
 */
import type { ApiCommit } from '@driftline/proto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanText } from './parse-commit.ts';
import type { RepositoryEntry } from './repositories-file.ts';
import type { Ask } from './run-git.ts';

export type Signature = ApiCommit['signature'];

export const unsigned: Signature = { state: 'none', signer: '', key: '' };
export const unchecked: Signature = { state: 'unchecked', signer: '', key: '' };

const fields = ['%H', '%G?', '%GF', '%GS'];
const maxTextCharacters = 200;
/** Each check is a process: so many end well within the time of one look. */
const checkedAtOnce = 50;

/** Signatures of commits that bear one; a commit that could not be checked is missing. */
export async function readSignatures(
  ask: Ask,
  signers: Pick<RepositoryEntry, 'allowedSignersFile' | 'allowedKeysFile'>,
  keyring: string,
  shas: readonly string[],
): Promise<ReadonlyMap<string, Signature>> {
  const { allowedSignersFile, allowedKeysFile } = signers;
  if (shas.length === 0 || (allowedSignersFile ?? allowedKeysFile) === undefined) return new Map();
  const settings = allowedSignersFile === undefined ? [] : [`gpg.ssh.allowedSignersFile=${allowedSignersFile}`];
  const signatures = new Map<string, Signature>();
  for (let start = 0; start < shas.length; start += checkedAtOnce) {
    const outcome = await ask({
      args: ['log', '--no-walk=unsorted', '--no-patch', '--stdin', `--format=${fields.join('%x00')}`],
      input: shas
        .slice(start, start + checkedAtOnce)
        .map((sha) => `${sha}\n`)
        .join(''),
      settings,
      environment: { GNUPGHOME: keyring },
    });
    if (!outcome.ok) break;
    for (const line of outcome.output.toString('utf8').split('\n')) {
      const [sha = '', letter = '', key = '', signer = ''] = line.split('\0');
      if (sha !== '') signatures.set(sha, signature(letter, key, signer));
    }
  }
  return signatures;
}

function signature(letter: string, key: string, signer: string): Signature {
  const isSsh = key.startsWith('SHA256:');
  const state = stateOf(letter, isSsh);
  return {
    state,
    key: cleanText(key, maxTextCharacters),
    signer: state === 'valid' ? cleanText(signer, maxTextCharacters) : '',
  };
}

/** Letters of git's `%G?`. */
function stateOf(letter: string, isSsh: boolean): Signature['state'] {
  switch (letter) {
    case 'G':
      return 'valid';
    case 'U':
      // The keyring holds allowed keys only, whatever trust OpenPGP computes; an SSH key without a principal is nobody's.
      return isSsh ? 'unknown-signer' : 'valid';
    case 'E':
      return 'unknown-signer';
    case 'X':
    case 'Y':
      return 'expired';
    case 'R':
      return 'revoked';
    case 'B':
      return 'bad';
    default:
      return 'unchecked';
  }
}

/** A keyring of exactly the keys of a file; empty without one, or when it cannot be read. */
export async function writeKeyring(ask: Ask, keyring: string, keysFile: string | undefined): Promise<void> {
  await rm(keyring, { recursive: true, force: true });
  await mkdir(keyring, { recursive: true, mode: 0o700 });
  if (keysFile === undefined) return;
  await ask({
    program: 'gpg',
    args: ['--batch', '--quiet', '--no-autostart', '--import', keysFile],
    environment: { GNUPGHOME: keyring },
  });
}

export const keyringIn = (folder: string): string => join(folder, 'allowed-keys');
