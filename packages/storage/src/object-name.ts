import { HoldfastError } from '@holdfast/core';
import { type ObjectName, type ObjectType, objectTypes } from './target.ts';

const idPattern = /^[0-9a-f]{64}$/;

/** True for 64 lowercase hexadecimal digits: such an id can never leave its folder. */
export function isObjectId(text: string): boolean {
  return idPattern.test(text);
}

/** Refuses, with `request.invalid`, every name that could be anything but an object of a repository. */
export function requireObjectName(name: ObjectName): void {
  const valid = name.type === 'config' ? name.id === '' : objectTypes.includes(name.type) && isObjectId(name.id);
  if (!valid)
    throw new HoldfastError('request.invalid', {
      message: `${JSON.stringify(String(name.type).slice(0, 20))} ${JSON.stringify(String(name.id).slice(0, 80))} is not the name of an object: ids are 64 lowercase hexadecimal digits`,
    });
}

export function requireListedType(type: ObjectType): void {
  if (type === 'config' || !objectTypes.includes(type))
    throw new HoldfastError('request.invalid', {
      message: `objects of type ${JSON.stringify(String(type).slice(0, 20))} can't be listed`,
    });
}

/** `data 1a2b3c4d…`, for messages. */
export function printableName(name: ObjectName): string {
  return name.type === 'config' ? 'config' : `${name.type} ${name.id.slice(0, 10)}`;
}
