export { type Marks, type PlainOptions } from './cursor.ts';
export { type PlainDocument, readPlainYaml } from './plain-yaml.ts';
