/** binaryData of ConfigMaps: Base64 of files. */
import { mapMembers } from '../json.ts';
import type { JsonObject } from '../message.ts';
import { decodeBase64 } from './base64.ts';
import { isRedacted } from './marker.ts';
import { classifyName } from './name.ts';
import { redactText, redactWhole, type RedactContext } from './text.ts';

/** Files that hold keys in a form that cannot be looked through. */
const keyStore = /\.(?:jks|p12|pfx|keystore|truststore|kdbx|ppk|gpg|pgp|der)$/i;

/** First bytes of gzip, zip, bzip2, xz and zstd. */
const archiveHeads = ['\x1f\x8b', 'PK\x03\x04', 'BZh', '\xfd7zXZ', '(\xb5/\xfd'];

/** A file that holds a secret, is named like one, or is compressed is redacted as a whole. */
export function redactBinary(files: JsonObject, context: RedactContext): JsonObject {
  return mapMembers(files, (value, name) => {
    if (typeof value !== 'string' || value === '' || isRedacted(value)) return value;
    const secretClass = classOf(name, value, context);
    return secretClass === undefined ? value : redactWhole(value, secretClass, context);
  });
}

function classOf(name: string, encoded: string, context: RedactContext): string | undefined {
  const nameClass = classifyName(name);
  if (nameClass !== undefined && !nameClass.isWeak) return nameClass.secretClass;
  if (keyStore.test(name)) return 'key-store';
  const content = decodeBase64(encoded.replace(/\s+/g, ''));
  if (content === undefined) return 'unreadable';
  if (archiveHeads.some((head) => content.startsWith(head))) return 'archive';
  return redactText(content, context) === content ? undefined : 'secret';
}
