/** The Service that an admission webhook names exists. */
import { type Fact, listAt, type RelationControl, stringAt } from '@driftline/policy';
import { itemPath } from '@driftline/proto';

const serviceExists: Fact<true> = {
  name: 'service-exists',
  group: '',
  kind: 'Service',
  reads: [],
  project: () => true,
};

export const webhookService: RelationControl = {
  name: 'webhook-service',
  reads: [['object', 'webhooks']],
  evaluate({ object, view }) {
    const violations = listAt(object, 'webhooks').flatMap((webhook, index) => {
      const name = stringAt(webhook, 'clientConfig', 'service', 'name');
      const namespace = stringAt(webhook, 'clientConfig', 'service', 'namespace');
      if (name === '' || view.fact(serviceExists, { group: '', kind: 'Service', namespace, name })) return [];
      const path = `${itemPath('webhooks', stringAt(webhook, 'name') || index)}.clientConfig.service`;
      return [{ path, value: `${namespace}/${name}`, reason: `there is no Service ${namespace}/${name}` }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
