// What an application says its session data is: a Standard Schema (https://standardschema.dev), with versions.
import { SessionError } from './errors.js';

/** Any validator that keeps the Standard Schema: one of zod 4, valibot, arktype. */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Result | Promise<Result>;
  };
}

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type Result =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

type Data = Record<string, unknown>;

/** The key that holds messages for the next page. It is the package's own: no schema need name it. */
export const FLASH = 'flash';

export function isStandardSchema(value: unknown): value is StandardSchema {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  const standard = isObject ? (value as Partial<StandardSchema>)['~standard'] : undefined;
  return typeof standard?.validate === 'function';
}

export class DataSchema {
  /** Kept beside the data that is stored. */
  readonly version: number;
  readonly #schema: StandardSchema;
  readonly #migrate: ((data: Data, version: number) => Data) | undefined;

  constructor(schema: StandardSchema, version = 0, migrate?: (data: Data, version: number) => Data) {
    this.#schema = schema;
    this.version = version;
    this.#migrate = migrate;
  }

  /**
   * Stored data as the application is given it.
   * @param version That the data was stored with.
   * @throws {SessionError} ERR_SESSION_SCHEMA, or what `migrate` throws
   */
  read(data: Data, version: number): Data {
    return this.#validated(
      version === this.version ? data : (this.#migrate?.(data, version) ?? data),
      'stored',
    );
  }

  /** @throws {SessionError} ERR_SESSION_SCHEMA if this text must not be stored */
  check(text: string): void {
    this.#validated(JSON.parse(text) as Data, 'new');
  }

  #validated({ [FLASH]: flash, ...data }: Data, which: string): Data {
    const result = this.#schema['~standard'].validate(data);
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new SessionError(
        'ERR_SESSION_SCHEMA',
        'The option schema must validate without a promise: a response cannot wait for it in every place.',
      );
    }
    if (result.issues === undefined && !isData(result.value))
      throw new SessionError('ERR_SESSION_SCHEMA', 'The option schema must make an object of the data.');
    if (result.issues === undefined)
      return { ...(result.value as Data), ...(flash === undefined ? null : { [FLASH]: flash }) };
    // The paths and not the messages: those of some libraries hold the values.
    const paths = [...new Set(result.issues.map(({ path = [] }) => `"${path.map(nameOf).join('.')}"`))];
    throw new SessionError(
      'ERR_SESSION_SCHEMA',
      `The ${which} data of the session is not what the schema says, at ${paths.slice(0, 5).join(', ')}.` +
        (which === 'stored'
          ? ' Raise schemaVersion and give migrate() to change what was stored before.'
          : ''),
    );
  }
}

const isData = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const nameOf = (part: PropertyKey | { readonly key: PropertyKey }): string =>
  String(typeof part === 'object' ? part.key : part);
