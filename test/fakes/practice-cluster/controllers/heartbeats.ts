import type { Actor } from '../actor.ts';
import { microsText, secondsText } from '../clock.ts';
import { objectAt, objectsAt } from '../object/json.ts';
import { kubelet } from '../world/bootstrap.ts';
import type { ControllerWorld } from './controller.ts';

const leaders = ['kube-controller-manager', 'kube-scheduler'];

/** Renews what a living cluster renews all the time: node leases, node conditions, leader leases. */
export const startHeartbeats = (world: ControllerWorld, intervalMs: number): (() => void) => {
  let beats = 0;
  const timer = setInterval(() => {
    beats += 1;
    for (const node of world.store.list('nodes')) {
      const me = world.actor(kubelet(node.metadata.name));
      renew(me, 'kube-node-lease', node.metadata.name, world.clock.now());
      // Conditions are reported far less often than leases.
      if (beats % 6 === 0) reportConditions(me, world, node.metadata.name);
    }
    for (const name of leaders) {
      const me = world.actor({
        user: `system:${name}`,
        userAgent: `${name}/v1.36.0 (linux/amd64) kubernetes/practice/leader-election`,
        sourceIp: '10.0.1.11',
      });
      renew(me, 'kube-system', name, world.clock.now());
    }
  }, intervalMs);
  return () => clearInterval(timer);
};

const renew = (me: Actor, namespace: string, name: string, nowMs: number): void => {
  const target = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
  const lease = me.get(target);
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microsText(nowMs) };
  if (lease === undefined) me.create({ ...target, metadata: { namespace, name }, spec });
  else me.update({ ...lease, spec });
};

const reportConditions = (me: Actor, world: ControllerWorld, name: string): void => {
  const node = world.store.get('nodes', '', name);
  const lastHeartbeatTime = secondsText(world.clock.now());
  const conditions = objectsAt(objectAt(node, 'status'), 'conditions').map((condition) => ({
    ...condition,
    lastHeartbeatTime,
  }));
  me.patch(
    { apiVersion: 'v1', kind: 'Node', name },
    'strategic',
    { status: { conditions } },
    { subresource: 'status' },
  );
};
