import { HoldfastError } from '@holdfast/core';
import {
  AliasNode,
  AndNode,
  BinaryOperationNode,
  ColumnNode,
  type DeleteQueryNode,
  type InsertQueryNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  OperatorNode,
  ParensNode,
  type PluginTransformQueryArgs,
  PrimitiveValueListNode,
  type QueryResult,
  ReferenceNode,
  type RootOperationNode,
  type SelectQueryNode,
  TableNode,
  type UnknownRow,
  type UpdateQueryNode,
  ValueListNode,
  ValueNode,
  ValuesNode,
  WhereNode,
} from 'kysely';
import { groupCondition, refuseForeignMove, refuseForeignRows } from './group-condition.ts';

const column = 'tenant';

/**
 * Confines every query to one tenant, whatever it forgets: each table that is read, changed or deleted from, also in a
 * subquery, gets `tenant = …`, and each inserted row gets the tenant. What can't be confined (raw statements, outer joins,
 * insert from a select) is refused. With `groups` it confines to these groups of computers in the same way.
 */
export class TenantPlugin implements KyselyPlugin {
  readonly #transformer: TenantTransformer;

  constructor(tenant: string, groups: ReadonlySet<string> | undefined) {
    this.#transformer = new TenantTransformer(tenant, groups);
  }

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    switch (node.kind) {
      case 'SelectQueryNode':
      case 'InsertQueryNode':
      case 'UpdateQueryNode':
      case 'DeleteQueryNode':
        return this.#transformer.transformNode(node, queryId);
      default:
        throw unconfined(`a ${node.kind}`);
    }
  }

  async transformResult({ result }: { result: QueryResult<UnknownRow> }): Promise<QueryResult<UnknownRow>> {
    return result;
  }
}

class TenantTransformer extends OperationNodeTransformer {
  readonly #tenant: string;
  readonly #groups: ReadonlySet<string> | undefined;

  constructor(tenant: string, groups: ReadonlySet<string> | undefined) {
    super();
    this.#tenant = tenant;
    this.#groups = groups;
  }

  protected override transformSelectQuery(...args: Parameters<OperationNodeTransformer['transformSelectQuery']>) {
    const node: SelectQueryNode = super.transformSelectQuery(...args);
    for (const join of node.joins ?? []) {
      if (join.joinType !== 'InnerJoin') throw unconfined(`a ${join.joinType}`);
    }
    return this.#confine(node, [...(node.from?.froms ?? []), ...(node.joins ?? []).map((join) => join.table)]);
  }

  protected override transformUpdateQuery(...args: Parameters<OperationNodeTransformer['transformUpdateQuery']>) {
    const node: UpdateQueryNode = super.transformUpdateQuery(...args);
    if (node.from || node.joins || !node.table) throw unconfined('an update of more than one table');
    if (this.#groups) refuseForeignMove(node, this.#groups);
    return this.#confine(node, [node.table]);
  }

  protected override transformDeleteQuery(...args: Parameters<OperationNodeTransformer['transformDeleteQuery']>) {
    const node: DeleteQueryNode = super.transformDeleteQuery(...args);
    if (node.using || node.joins) throw unconfined('a delete with more than one table');
    return this.#confine(node, node.from.froms);
  }

  protected override transformInsertQuery(...args: Parameters<OperationNodeTransformer['transformInsertQuery']>) {
    const node: InsertQueryNode = super.transformInsertQuery(...args);
    if (!node.values || !ValuesNode.is(node.values) || !node.columns)
      throw unconfined('an insert without plain values');
    if (node.columns.some((given) => given.column.name === column)) throw unconfined('an insert that names the tenant');
    if (this.#groups) refuseForeignRows(node, this.#groups);
    return {
      ...node,
      columns: [ColumnNode.create(column), ...node.columns],
      values: ValuesNode.create(
        node.values.values.map((row) =>
          PrimitiveValueListNode.is(row)
            ? PrimitiveValueListNode.create([this.#tenant, ...row.values])
            : ValueListNode.create([ValueNode.create(this.#tenant), ...row.values]),
        ),
      ),
    };
  }

  #confine<Node extends { readonly where?: WhereNode }>(node: Node, sources: readonly OperationNode[]): Node {
    let where = node.where?.where;
    for (const source of sources) {
      const condition = this.#condition(source);
      if (condition) where = where ? AndNode.create(ParensNode.create(where), condition) : condition;
    }
    return where ? { ...node, where: WhereNode.create(where) } : node;
  }

  /** Undefined for a subquery: it is confined by itself. */
  #condition(source: OperationNode): OperationNode | undefined {
    if (AliasNode.is(source)) {
      if (source.node.kind === 'SelectQueryNode') return undefined;
      if (!TableNode.is(source.node) || source.alias.kind !== 'IdentifierNode')
        throw unconfined(`a ${source.node.kind}`);
      const alias = source.alias;
      const name = 'name' in alias && typeof alias.name === 'string' ? alias.name : nameOf(source.node);
      return this.#conditionOf(nameOf(source.node), name);
    }
    if (!TableNode.is(source)) throw unconfined(`a ${source.kind}`);
    return this.#conditionOf(nameOf(source), nameOf(source));
  }

  #conditionOf(table: string, alias: string): OperationNode {
    const ofTenant = BinaryOperationNode.create(
      ReferenceNode.create(ColumnNode.create(column), TableNode.create(alias)),
      OperatorNode.create('='),
      ValueNode.create(this.#tenant),
    );
    if (!this.#groups) return ofTenant;
    const ofGroups = groupCondition({ table, alias, tenant: this.#tenant, groups: this.#groups });
    return AndNode.create(ofTenant, ofGroups);
  }
}

function nameOf(node: TableNode): string {
  return node.table.identifier.name;
}

function unconfined(what: string): HoldfastError {
  return new HoldfastError('internal.unexpected', {
    message: `A query of the catalogue can't be confined to one tenant: it holds ${what}.`,
  });
}
