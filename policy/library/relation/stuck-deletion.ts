/** A deletion comes to its end: finalizers that nobody takes away keep objects for ever. */
import { type RelationControl, stringAt, stringsOf, valueAt } from '@driftline/policy';
import { parseTimestampUs } from '@driftline/proto';

export const stuckDeletion: RelationControl = {
  name: 'stuck-deletion',
  reads: [
    ['object', 'metadata', 'deletionTimestamp'],
    ['object', 'metadata', 'finalizers'],
    ['object', 'spec', 'finalizers'],
  ],
  evaluate({ object, view, params }) {
    const since = stringAt(object, 'metadata', 'deletionTimestamp');
    const sinceUs = since === '' ? undefined : parseTimestampUs(since);
    if (sinceUs === undefined || !view.now(sinceUs / 1_000 + Number(params['minutes']) * 60_000))
      return { verdict: 'pass' };
    const own = stringsOf(valueAt(object, 'metadata', 'finalizers'));
    const finalizers = own.length > 0 ? own : stringsOf(valueAt(object, 'spec', 'finalizers'));
    const reason = `it is being deleted since ${since}, held by ${finalizers.join(', ') || 'nothing that it names'}`;
    return { verdict: 'fail', violations: [{ path: 'metadata.finalizers', value: finalizers.join(', '), reason }] };
  },
};
