import {
  ColumnDefinitionNode,
  DataTypeNode,
  GeneratedNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  type PluginTransformQueryArgs,
  type QueryResult,
  RawNode,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely';

/** SQLite's types and what they are in PostgreSQL: integers of 8 bytes, texts that compare by their bytes, as in SQLite. */
const postgresTypes: Readonly<Record<string, string>> = {
  integer: 'bigint',
  text: 'text collate "C"',
  real: 'double precision',
  blob: 'bytea',
};

/**
 * Lets one migration run on both databases: it names SQLite's types, and PostgreSQL gets those that hold the same values.
 * `autoIncrement` becomes an identity column.
 */
export class PostgresTypes implements KyselyPlugin {
  readonly #transformer = new TypeTransformer();

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    return this.#transformer.transformNode(node, queryId);
  }

  async transformResult({ result }: { result: QueryResult<UnknownRow> }): Promise<QueryResult<UnknownRow>> {
    return result;
  }
}

class TypeTransformer extends OperationNodeTransformer {
  protected override transformColumnDefinition(
    ...args: Parameters<OperationNodeTransformer['transformColumnDefinition']>
  ): ColumnDefinitionNode {
    const { autoIncrement, ...node }: ColumnDefinitionNode = super.transformColumnDefinition(...args);
    const dataType = postgresType(node.dataType);
    if (autoIncrement !== true) return { ...node, dataType };
    return { ...node, dataType, generated: GeneratedNode.create({ identity: true, byDefault: true }) };
  }
}

function postgresType(dataType: OperationNode): OperationNode {
  const known = DataTypeNode.is(dataType) ? postgresTypes[dataType.dataType] : undefined;
  // Kysely's own migration tables have types of PostgreSQL's already.
  return known === undefined ? dataType : RawNode.createWithSql(known);
}
