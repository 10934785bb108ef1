/**
 * Builds or fetches what the real suite needs and is not cached yet, before any test's clock runs: minutes when cold,
 * nothing afterwards.
 */
import { buildControlPlane } from './control-plane/control-plane.ts';
import { helmBinary } from './deploy/helm.ts';
import { resolveKafka } from './kafka/kafka.ts';

for (const prepare of [buildControlPlane, helmBinary, resolveKafka]) prepare();
