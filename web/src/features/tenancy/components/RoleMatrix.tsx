import { Checkbox } from '@mantine/core';
import { Check } from 'lucide-react';
import { Fragment } from 'react';
import { BUILT_IN } from '@/api/access';
import { t } from '@/i18n';
import type { PermissionTable } from '../queries';
import { roleName } from './roles';
import classes from './tenancy.module.css';

interface Props {
  table: PermissionTable;
  /** The role that is edited, and how it changes. Without it the built-in roles stand alone. */
  chosen?: readonly string[];
  name?: string;
  onChange?: (permissions: string[]) => void;
}

/** Every permission by what it is about, with the roles beside each other: the built-in ones to compare with, and one's own. */
export function RoleMatrix({ table, chosen, name, onChange }: Props) {
  const has = new Set(chosen);
  const toggle = (permission: string) => onChange?.(has.has(permission) ? [...has].filter((one) => one !== permission) : [...has, permission]);
  const resources = table.resources.map((resource) => ({ ...resource, actions: resource.actions.filter(({ personal }) => !personal) })).filter(({ actions }) => actions.length > 0);
  return (
    <div className={classes.matrix} role="region" aria-label={t('tenancy.role.matrix')} tabIndex={0}>
      <table aria-label={t('tenancy.role.matrix')}>
        <thead>
          <tr>
            <th scope="col">{t('tenancy.role.permission')}</th>
            {chosen && <th scope="col">{name || t('tenancy.role.this')}</th>}
            {BUILT_IN.map((role) => (
              <th key={role} scope="col">
                {roleName({ role })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {resources.map(({ resource, title, description, actions }) => (
            <Fragment key={resource}>
              <tr>
                <th scope="colgroup" colSpan={BUILT_IN.length + (chosen ? 2 : 1)} className={classes.matrixGroup}>
                  <span>
                    {title} <small className="mp-dim">{description}</small>
                  </span>
                </th>
              </tr>
              {actions.map(({ action, permission, roles, held }) => {
                const what = t('tenancy.role.of', { action: t(`tenancy.action.${action}`), what: title });
                return (
                  <tr key={permission}>
                    <th scope="row" className={classes.matrixAction}>
                      {t(`tenancy.action.${action}`)}
                    </th>
                    {chosen && (
                      <td>
                        <Checkbox
                          aria-label={what}
                          checked={has.has(permission)}
                          // What one does not have one can take away, and not give.
                          disabled={!onChange || (!held && !has.has(permission))}
                          title={held ? undefined : t('tenancy.role.notHeld')}
                          onChange={() => toggle(permission)}
                        />
                      </td>
                    )}
                    {BUILT_IN.map((role) => (
                      <td key={role}>
                        <Held yes={roles.includes(role)} what={`${roleName({ role })}: ${what}`} />
                      </td>
                    ))}
                  </tr>
                );
              })}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What cannot be changed here is no box to tick. */
function Held({ yes, what }: { yes: boolean; what: string }) {
  return (
    <>
      {yes ? <Check size={16} color="var(--mp-ok)" aria-hidden /> : <span className="mp-dim" aria-hidden>{t('ui.none')}</span>}
      <span className="mp-sr">{`${what}: ${t(yes ? 'ui.yes' : 'ui.no')}`}</span>
    </>
  );
}
