// Shows which registry a pull of an image would use, and why.

import { useState, type FormEvent } from 'react';
import { Button } from 'react-aria-components';
import { run, type RequestFailure } from '../api/client.ts';
import { FailureNote, Field, Note, Sign } from '../components/controls.tsx';
import { ImageDocument, type ImageQuery } from '../api/operations.ts';
import { useFailures } from '../api/use-request.ts';

type Explained = ImageQuery['image'];

interface ImageExplainerProps {
  /** The registry whose page this is; omitted on a page of no registry. */
  readonly registryId?: string;
  /** An example image for the empty field. */
  readonly example?: string;
}

/** A form that explains which registry a pull of an image would use. */
export function ImageExplainer({ registryId, example = 'docker.io/library/ubuntu:24.04' }: ImageExplainerProps) {
  const [reference, setReference] = useState('');
  const [image, setImage] = useState<Explained | null>(null);
  const [failure, setFailure] = useState<RequestFailure | null>(null);
  const toFailure = useFailures();
  const explain = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      setImage((await run(ImageDocument, { reference: reference.trim() })).image);
      setFailure(null);
    } catch (error) {
      setImage(null);
      setFailure(toFailure(error));
    }
  };
  return (
    <section className="card" aria-labelledby="explain-title">
      <h2 id="explain-title">
        {registryId === undefined ? 'Which registry does an image use?' : 'Which images does this registry cover?'}
      </h2>
      <form className="inline-form" onSubmit={(event) => void explain(event)}>
        <Field
          label="Image"
          value={reference}
          onChange={setReference}
          placeholder={example}
          help="In the form that docker pull accepts. Nothing is pulled."
        />
        <Button type="submit" className="button" isDisabled={reference.trim() === ''}>
          Explain
        </Button>
      </form>
      {failure !== null && <FailureNote failure={failure} />}
      {image !== null && <Explanation image={image} registryId={registryId} />}
    </section>
  );
}

function Explanation({ image, registryId }: { readonly image: Explained; readonly registryId: string | undefined }) {
  const used = image.registry;
  const isThis = used !== null && used.id === registryId;
  return (
    <>
      <Note tone={used === null ? 'neutral' : registryId === undefined || isThis ? 'good' : 'warning'}>
        <p>
          A pull of <code>{image.reference}</code>{' '}
          {used === null ? (
            'is anonymous: no registry covers it.'
          ) : (
            <>uses {isThis ? 'this registry' : <strong>{used.registry}</strong>}.</>
          )}
        </p>
      </Note>
      {image.candidates.length > 0 && (
        <ul className="candidates">
          {image.candidates.map(({ registry, matched, reason }) => (
            <li key={registry.id}>
              <Sign tone={matched ? 'good' : 'neutral'} />
              <span>
                <strong>{registry.registry}</strong>
                <br />
                {reason}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
