/** A binding to a service account that does not exist waits for whoever creates it. */
import { type Fact, listAt, type RelationControl, type Violation } from '@driftline/policy';
import { bindingReads, isBuiltInRbac } from './built-in-rbac.ts';
import { accountOf, roleRefOf } from './rbac-rights.ts';

export const serviceAccount: Fact<true> = {
  name: 'service-account-exists',
  group: '',
  kind: 'ServiceAccount',
  reads: [],
  project: () => true,
};

export const danglingSubject: RelationControl = {
  name: 'dangling-subject',
  reads: bindingReads,
  evaluate({ object, view }) {
    if (isBuiltInRbac(object)) return { verdict: 'not-applicable' };
    const violations = listAt(object, 'subjects').flatMap((subject, index): readonly Violation[] => {
      const account = accountOf(subject);
      // Every namespace gets its default account by itself.
      if (account === undefined || account.name === 'default') return [];
      if (view.fact(serviceAccount, { group: '', kind: 'ServiceAccount', ...account }) === true) return [];
      const named = `${account.namespace}/${account.name}`;
      const reason = `there is no ServiceAccount ${named}: whoever creates it has the rights of ${roleRefOf(object).name}`;
      return [{ path: `subjects[${index}]`, value: named, reason }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
