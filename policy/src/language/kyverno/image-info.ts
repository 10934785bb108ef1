/** `images.<list>.<container>` of a rule's data: the parts of the image references of a pod, with their defaults. */
import { isJsonObject, type JsonObject } from '@driftline/proto';
import { listAt, stringAt } from '../read-json.ts';

const lists = ['containers', 'initContainers', 'ephemeralContainers'];

/** `podSpec` undefined: no images. */
export function imagesOf(podSpec: JsonObject | undefined): JsonObject {
  if (podSpec === undefined) return {};
  return Object.fromEntries(
    lists.flatMap((list) => {
      const containers = listAt(podSpec, list).filter(isJsonObject);
      if (containers.length === 0) return [];
      return [
        [
          list,
          Object.fromEntries(
            containers.map((container) => [stringAt(container, 'name'), imageParts(stringAt(container, 'image'))]),
          ),
        ],
      ];
    }),
  );
}

/** `nginx` is `docker.io/nginx:latest`; a digest takes the place of the default tag. */
function imageParts(image: string): JsonObject {
  const [beforeDigest = '', digest = ''] = image.split('@');
  const slash = beforeDigest.indexOf('/');
  const first = beforeDigest.slice(0, Math.max(slash, 0));
  const hasRegistry = slash > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const registry = hasRegistry ? first : 'docker.io';
  const rest = hasRegistry ? beforeDigest.slice(slash + 1) : beforeDigest;
  const colon = rest.lastIndexOf(':');
  const path = colon > rest.lastIndexOf('/') ? rest.slice(0, colon) : rest;
  const written = colon > rest.lastIndexOf('/') ? rest.slice(colon + 1) : '';
  const tag = written === '' && digest === '' ? 'latest' : written;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const reference = `${registry}/${path}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`;
  return { registry, path, name, tag, digest, reference, referenceWithTag: `${registry}/${path}:${tag}` };
}
