/** What the timeline says of who made a change, held against who really did. */
import type { Truth } from './attributed-writes.ts';
import { ask } from './recorded.ts';
import type { StoreAccess } from './recorded.ts';

export type Attributed = {
  /** `<uid> <resourceVersion>`, or `<uid> end` for a deletion. */
  readonly version: string;
  readonly resource: string;
  /** '' without a link. */
  readonly confidence: string;
  /** Of the request that the timeline says made it. */
  readonly auditId: string;
};

/** Every change (no first sight) of a cluster with the link that counts. `only`: a condition in SQL on the version, `v`. */
export const attributedChanges = (store: StoreAccess, cluster: string, only: string): Promise<readonly Attributed[]> =>
  ask<Attributed>(
    store,
    `SELECT concat(v.uid, ' ', if(op = 'deleted', 'end', resource_version)) AS version, v.resource AS resource,
       l.said AS confidence, a.audit_id AS "auditId"
     FROM resource_versions AS v
     LEFT JOIN (SELECT change_epoch, change_sequence, uid,
         argMax(confidence, (epoch_ordinal, sequence, "index")) AS said,
         argMax(audit_digest, (epoch_ordinal, sequence, "index")) AS digest
       FROM links WHERE cluster = '${cluster}' GROUP BY change_epoch, change_sequence, uid) AS l
     ON v.epoch = l.change_epoch AND v.sequence = l.change_sequence AND v.uid = l.uid
     LEFT JOIN (SELECT digest, any(audit_id) AS audit_id FROM audit_events WHERE cluster = '${cluster}' GROUP BY digest) AS a
     ON a.digest = l.digest
     WHERE v.cluster = '${cluster}' AND v.op != 'snapshot' AND ${only}`,
  );

export type Figures = {
  changes: number;
  exact: number;
  wrongExact: number;
  probable: number;
  wrongProbable: number;
  none: number;
};

/** Counts the changes whose maker is known. */
export const figuresOf = (rows: readonly Attributed[], { made }: Truth, resource: string): Figures => {
  const figures: Figures = { changes: 0, exact: 0, wrongExact: 0, probable: 0, wrongProbable: 0, none: 0 };
  for (const row of rows) {
    const maker = made.get(row.version);
    if (row.resource !== resource || maker === undefined) continue;
    figures.changes += 1;
    const isRight = maker === row.auditId;
    if (row.confidence === 'exact') figures[isRight ? 'exact' : 'wrongExact'] += 1;
    else if (row.confidence === 'probable') figures[isRight ? 'probable' : 'wrongProbable'] += 1;
    else figures.none += 1;
  }
  return figures;
};
