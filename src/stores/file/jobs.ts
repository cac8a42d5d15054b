// Puts together what works on one directory: the jobs that the store runs, and that the model checker interleaves.
import { Caretaker, type CaretakerOptions } from './caretaker.js';
import { Listing } from './listing.js';
import { OwnerIndex } from './owner-index.js';
import { Revocations } from './revocations.js';
import { Protocol, type ProtocolOptions } from './protocol.js';
import { Sessions, type SessionsOptions } from './sessions.js';

type Parts = 'protocol' | 'sessions' | 'listing' | 'owners' | 'revocations';

export type JobsOptions = ProtocolOptions & Omit<SessionsOptions, Parts> & Omit<CaretakerOptions, Parts>;

export interface Jobs {
  readonly protocol: Protocol;
  readonly sessions: Sessions;
  readonly listing: Listing;
  readonly caretaker: Caretaker;
  readonly revocations: Revocations;
}

export function jobsOf(options: JobsOptions): Jobs {
  const protocol = new Protocol(options);
  const owners = new OwnerIndex(options.layout, options.durable);
  const revocations = new Revocations(options);
  const sessions = new Sessions({ ...options, protocol, owners, revocations });
  const listing = new Listing({ ...options, sessions, owners });
  const caretaker = new Caretaker({ ...options, protocol, sessions, listing, owners, revocations });
  return { protocol, sessions, listing, caretaker, revocations };
}
