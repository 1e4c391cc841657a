import { Button, Skeleton } from '@mantine/core';
import {
  FlexRender,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  tableFeatures,
  useTable,
  type ColumnDef,
} from '@tanstack/react-table';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useEffect, useMemo, useRef, type ReactNode } from 'react';
import { t } from '@/i18n';
import classes from './DataTable.module.css';
import { ErrorNotice } from './feedback';

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric },
});

export interface Column<T> {
  key: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** Makes the column sortable (among the rows that are loaded). */
  sort?: (row: T) => string | number;
  align?: 'end';
  /** On a phone a row becomes a card: the main column is its heading, without a label. */
  main?: boolean;
  /** Left out on a phone. */
  wideOnly?: boolean;
  /** The header is for screen readers only (a column of buttons). */
  hiddenHeader?: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[] | undefined;
  rowKey: (row: T) => string;
  error?: unknown;
  retry?: () => void;
  empty: ReactNode;
  hasMore?: boolean;
  loadingMore?: boolean;
  loadMore?: () => void;
}

export function DataTable<T extends object>(props: Props<T>) {
  const { label, columns, rows, rowKey, error, retry, empty, hasMore, loadingMore, loadMore } = props;
  const meta = useMemo(() => new Map(columns.map((column) => [column.key, column])), [columns]);
  const defs = useMemo(() => columns.map((column) => toDef(column)), [columns]);
  const table = useTable({ features, columns: defs, data: rows ?? [], getRowId: rowKey });

  // A row that goes (its button had the focus) leaves the focus to the table, not to nobody.
  const frame = useRef<HTMLDivElement>(null);
  const inside = useRef(false);
  useEffect(() => {
    if (inside.current && document.activeElement === document.body) frame.current?.focus({ preventScroll: true });
  }, [rows]);

  if (error && !rows) return <ErrorNotice error={error} retry={retry} />;
  if (rows?.length === 0) return <>{empty}</>;
  return (
    <>
      <div
        ref={frame}
        className={classes.scroll}
        tabIndex={-1}
        onFocus={() => (inside.current = true)}
        onBlur={({ relatedTarget }) => (inside.current = frame.current?.contains(relatedTarget) ?? false)}
      >
      <table className={classes.table} aria-label={label} aria-busy={!rows}>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const column = meta.get(header.column.id);
                const sorted = header.column.getIsSorted();
                const sortable = header.column.getCanSort();
                const className = [column?.align === 'end' && classes.end, column?.wideOnly && classes.wide].filter(Boolean).join(' ');
                return (
                  <th key={header.id} className={className} scope="col" aria-sort={sortable && sorted ? (sorted === 'asc' ? 'ascending' : 'descending') : undefined}>
                    {sortable ? (
                      <button type="button" className={classes.sort} onClick={header.column.getToggleSortingHandler()}>
                        <FlexRender header={header} />
                        {sorted === 'asc' && <ArrowUp size={12} aria-hidden />}
                        {sorted === 'desc' && <ArrowDown size={12} aria-hidden />}
                      </button>
                    ) : (
                      <span className={column?.hiddenHeader ? classes.hidden : undefined}>
                        <FlexRender header={header} />
                      </span>
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {rows
            ? table.getRowModel().rows.map((row) => (
                <tr key={row.id}>
                  {row.getAllCells().map((cell) => {
                    const column = meta.get(cell.column.id);
                    const className = [column?.align === 'end' && classes.end, column?.main && classes.main, column?.wideOnly && classes.wide].filter(Boolean).join(' ');
                    return (
                      <td key={cell.id} className={className} data-label={column?.main || column?.hiddenHeader ? undefined : column?.header}>
                        <FlexRender cell={cell} />
                      </td>
                    );
                  })}
                </tr>
              ))
            : [0, 1, 2].map((line) => (
                <tr key={line}>
                  {columns.map((column) => (
                    <td key={column.key} className={column.wideOnly ? classes.wide : undefined}>
                      <Skeleton height={12} width={column.main ? '70%' : '45%'} my={4} />
                    </td>
                  ))}
                </tr>
              ))}
        </tbody>
      </table>
      </div>
      {hasMore && (
        <div className={classes.more}>
          <Button variant="default" size="compact-sm" onClick={loadMore} loading={loadingMore}>
            {t('ui.action.more')}
          </Button>
        </div>
      )}
    </>
  );
}

function toDef<T extends object>(column: Column<T>): ColumnDef<typeof features, T> {
  return {
    id: column.key,
    header: column.header,
    accessorFn: (row: T) => column.sort?.(row) ?? '',
    cell: ({ row }: { row: { original: T } }) => column.cell(row.original),
    enableSorting: column.sort !== undefined,
    sortFn: 'alphanumeric',
  } as ColumnDef<typeof features, T>;
}
