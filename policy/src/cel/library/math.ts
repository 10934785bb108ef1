import { compare, isNumeric } from '../equality.ts';
import { invalid, noSuchOverload, overflow } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import { type CelDouble, CelUint, double, int, kindOf, numeric, uint, type Value } from '../value.ts';
import { toNumber } from './conversions.ts';

type Int = number | bigint;
type Double = number | CelDouble;

const numbers = ['int', 'uint', 'double'];

const better =
  (wanted: 1 | -1) =>
  (a: Value, b: Value): Value => {
    const order = compare(b, a);
    return typeof order !== 'number' ? order : order * wanted > 0 ? b : a;
  };

const best =
  (name: string, wanted: 1 | -1) =>
  (list: readonly Value[]): Value => {
    if (list.length === 0) return invalid(`math.${name} of an empty list`);
    const other = list.find((element) => !isNumeric(element));
    return other === undefined ? list.reduce(better(wanted)) : noSuchOverload(`math.${name} of ${kindOf(other)}`);
  };

/** `math.greatest` and `math.least`; more than two arguments arrive as a list. */
function extreme(name: string, wanted: 1 | -1): readonly Definition[] {
  const ofTwo = better(wanted);
  const ofList = best(name, wanted);
  return [
    ...numbers.map((type) => define(`math.${name}(${type}) -> ${type}`, (value: Value) => value)),
    ...numbers.map((type) => define(`math.${name}(list<${type}>) -> ${type}`, ofList)),
    ...numbers.map((type) => define(`math.${name}(${type}, ${type}) -> ${type}`, ofTwo)),
    ...numbers.flatMap((a) =>
      numbers.filter((b) => b !== a).map((b) => define(`math.${name}(${a}, ${b}) -> dyn`, ofTwo)),
    ),
  ];
}

const ofDouble = (name: string, apply: (value: number) => number): Definition =>
  define(`math.${name}(double) -> double`, (value: Double) => double(apply(toNumber(value))));
const testDouble = (name: string, holds: (value: number) => boolean): Definition =>
  define(`math.${name}(double) -> bool`, (value: Double) => holds(toNumber(value)));

/** Half away from zero. */
const round = (value: number): number =>
  Number.isFinite(value) ? Math.sign(value) * Math.floor(Math.abs(value) + 0.5) : value;

function absolute(value: Int): Value {
  return value < 0 ? int(-BigInt(value)) : value;
}

type Bits = (a: bigint, b: bigint) => bigint;

function bitwise(name: string, apply: Bits): readonly Definition[] {
  return [
    define(`math.${name}(int, int) -> int`, (a: Int, b: Int) => int(apply(BigInt(a), BigInt(b)))),
    define(`math.${name}(uint, uint) -> uint`, (a: CelUint, b: CelUint) =>
      uint(apply(BigInt(a.value), BigInt(b.value))),
    ),
  ];
}

/** Shifts the 64 bits; from 64 upward nothing is left. */
function shift(name: string, apply: Bits): readonly Definition[] {
  const shifted = (bits: bigint, by: Int): bigint | undefined =>
    by < 0 ? undefined : by >= 64 ? 0n : apply(bits, BigInt(by));
  const negative = () => invalid(`math.${name}() negative offset`);
  return [
    define(`math.${name}(int, int) -> int`, (a: Int, by: Int) => {
      const bits = shifted(BigInt.asUintN(64, BigInt(a)), by);
      return bits === undefined ? negative() : int(BigInt.asIntN(64, bits));
    }),
    define(`math.${name}(uint, int) -> uint`, (a: CelUint, by: Int) => {
      const bits = shifted(BigInt(a.value), by);
      return bits === undefined ? negative() : uint(BigInt.asUintN(64, bits));
    }),
  ];
}

function squareRoot(value: Value): Value {
  const number = numeric(value);
  return number === undefined ? overflow('sqrt') : double(Math.sqrt(Number(number)));
}

export const mathDefinitions: readonly Definition[] = [
  ...extreme('greatest', 1),
  ...extreme('least', -1),
  ofDouble('ceil', Math.ceil),
  ofDouble('floor', Math.floor),
  ofDouble('round', round),
  ofDouble('trunc', Math.trunc),
  ofDouble('abs', Math.abs),
  ofDouble('sign', Math.sign),
  define('math.abs(int) -> int', absolute),
  define('math.abs(uint) -> uint', (value: CelUint) => value),
  define('math.sign(int) -> int', (value: Int) => (value < 0 ? -1 : value > 0 ? 1 : 0)),
  define('math.sign(uint) -> uint', (value: CelUint) => new CelUint(value.value > 0 ? 1 : 0)),
  testDouble('isNaN', Number.isNaN),
  testDouble('isInf', (value) => Math.abs(value) === Number.POSITIVE_INFINITY),
  testDouble('isFinite', Number.isFinite),
  ...bitwise('bitAnd', (a, b) => a & b),
  ...bitwise('bitOr', (a, b) => a | b),
  ...bitwise('bitXor', (a, b) => a ^ b),
  define('math.bitNot(int) -> int', (value: Int) => int(~BigInt(value))),
  define('math.bitNot(uint) -> uint', (value: CelUint) => uint(BigInt.asUintN(64, ~BigInt(value.value)))),
  ...shift('bitShiftLeft', (bits, by) => bits << by),
  ...shift('bitShiftRight', (bits, by) => bits >> by),
  ...numbers.map((type) => define(`math.sqrt(${type}) -> double`, squareRoot)),
];
