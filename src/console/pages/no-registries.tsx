// Shows a principal without access to registries what its role allows.

import type { Principal } from '../api/client.ts';
import { PageHeading } from '../components/controls.tsx';
import { ImageExplainer } from '../registry/image-explainer.tsx';

/** Returns whether the role may list registries. */
export function maySeeRegistries({ role }: Principal): boolean {
  return role === 'ADMIN' || role === 'READ_WRITE';
}

/** The page for roles that may not list registries. */
export function NoRegistries({ role }: { readonly role: Principal['role'] }) {
  return (
    <>
      <PageHeading title="Registries" />
      <p className="lead">
        Your token has the role {role}, which does not allow listing registries.{' '}
        {role === 'PULL'
          ? 'It can pull images and show which registry a pull would use.'
          : 'It can read only its own identity.'}{' '}
        To manage registries, sign in with a token with the role READ_WRITE.
      </p>
      {role === 'PULL' && <ImageExplainer />}
    </>
  );
}
