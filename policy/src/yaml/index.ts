export { type Marks, type MemberPlace, type PlainOptions } from './cursor.ts';
export { type PlainDocument, readPlainYaml } from './plain-yaml.ts';
export { createScalarReader } from './scalar-reader.ts';
