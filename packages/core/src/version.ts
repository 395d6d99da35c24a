import packageJson from '../package.json' with { type: 'json' };

/** The version of the product that this process is. */
export const productVersion: string = packageJson.version;
