/**
 * The kubelet of a node still gets fixes, and is not newer nor much older than the API server. Minors and the day on
 * which their fixes end are data (`endOfLife`); the version of the API server is that of its static pod's image.
 */
import {
  everyItem,
  type Fact,
  labelsAt,
  listAt,
  type RelationControl,
  stringAt,
  type TrackedView,
  type Verdict,
} from '@driftline/policy';
import { parseTimestampUs, type JsonObject } from '@driftline/proto';

const apiServers: Fact<number> = {
  name: 'api-server-minor',
  group: '',
  kind: 'Pod',
  reads: [
    ['metadata', 'namespace'],
    ['metadata', 'labels'],
    ['spec', 'containers', everyItem, 'image'],
  ],
  project(pod) {
    const isApiServer =
      stringAt(pod, 'metadata', 'namespace') === 'kube-system' &&
      labelsAt(pod, 'metadata', 'labels').get('component') === 'kube-apiserver';
    return isApiServer
      ? minorOf(
          stringAt(listAt(pod, 'spec', 'containers')[0], 'image')
            .split(':')
            .at(-1),
        )
      : undefined;
  },
  keys: () => [''],
};

/** Of `v1.36.2` or `1.36`; of anything else undefined. */
function minorOf(version: string | undefined): number | undefined {
  const match = /^v?1\.(\d{1,3})(?:\.|$|[-+])/.exec(version ?? '');
  return match === null ? undefined : Number(match[1]);
}

const path = 'status.nodeInfo.kubeletVersion';

export const nodeVersion: RelationControl = {
  name: 'node-version',
  reads: [['object', 'status', 'nodeInfo', 'kubeletVersion']],
  evaluate({ object, view, params }) {
    const version = stringAt(object, 'status', 'nodeInfo', 'kubeletVersion');
    const minor = minorOf(version);
    if (minor === undefined) return { verdict: 'not-assessable', reason: 'the node does not tell its version' };
    return stringAt(params, 'asks') === 'skew'
      ? judgeSkew(version, minor, view)
      : judgeAge(version, { minor, view, params });
  },
};

/** Since Kubernetes 1.28 a kubelet may be three minors behind. */
const maxMinorsBehind = 3;

function judgeSkew(version: string, minor: number, view: TrackedView): Verdict {
  const servers = view.lookup(apiServers, '').map(({ value }) => value);
  if (servers.length === 0)
    return {
      verdict: 'not-assessable',
      reason: 'the version of the API server is not visible: no static pod shows it',
    };
  const [oldest, newest] = [Math.min(...servers), Math.max(...servers)];
  if (minor <= oldest && newest - minor <= maxMinorsBehind) return { verdict: 'pass' };
  const reason =
    minor > oldest
      ? `it is newer than an API server of 1.${oldest}`
      : `it is more than three minors behind 1.${newest}`;
  return { verdict: 'fail', violations: [{ path, value: version, reason }] };
}

type Age = { readonly minor: number; readonly view: TrackedView; readonly params: JsonObject };

function judgeAge(version: string, { minor, view, params }: Age): Verdict {
  const ends = listAt(params, 'endOfLife').map((one) => ({
    minor: minorOf(stringAt(one, 'version')) ?? 0,
    day: stringAt(one, 'day'),
  }));
  const known = ends.find((one) => one.minor === minor);
  const oldest = Math.min(...ends.map((one) => one.minor));
  if (known === undefined && minor > oldest) return { verdict: 'pass' };
  const endUs = known === undefined ? undefined : parseTimestampUs(`${known.day}T00:00:00Z`);
  if (known !== undefined && endUs === undefined)
    return { verdict: 'not-assessable', reason: `endOfLife says no day for 1.${minor}` };
  if (endUs !== undefined && !view.now(endUs / 1_000)) return { verdict: 'pass' };
  const reason = known === undefined ? 'its fixes ended long ago' : `its fixes ended on ${known.day}`;
  return { verdict: 'fail', violations: [{ path, value: version, reason }] };
}
