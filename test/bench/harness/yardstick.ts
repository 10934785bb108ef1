/**
 * The yardstick: JSON.parse and JSON.stringify of one fixed Deployment of 4 KiB. Costs divided by it compare between
 * machines and between busy and quiet hours; it is measured before and after the work, in CPU time.
 */
import { fixedDeployment } from '../world/objects.ts';
import { costUs } from './measure.ts';

const text = JSON.stringify(fixedDeployment());

export type Yardstick = {
  /** Microseconds of CPU that one round takes, the mean of all measurements so far. */
  us(): number;
  /** Measures once more. */
  again(): void;
};

export function openYardstick(): Yardstick {
  const measured: number[] = [];
  const measure = (): void => {
    measured.push(costUs(() => JSON.stringify(JSON.parse(text)), 250));
  };
  measure();
  return {
    us: () => measured.reduce((sum, value) => sum + value, 0) / measured.length,
    again: measure,
  };
}
