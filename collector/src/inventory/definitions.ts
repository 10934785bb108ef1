/** Custom kinds by the names of their definitions, which are `<resource>.<group>`. */
type Kind = { readonly group: string; readonly resource: string };

export const isDefinition = ({ group, resource }: Kind): boolean =>
  group === 'apiextensions.k8s.io' && resource === 'customresourcedefinitions';

export const definitionOf = ({ group, resource }: Kind): string => `${resource}.${group}`;

export const definedBy = (name: string): Kind => {
  const dot = name.indexOf('.');
  return { group: name.slice(dot + 1), resource: name.slice(0, dot) };
};
