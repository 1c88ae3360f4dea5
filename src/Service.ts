import { Effect, Layer } from "effect"
import { ActorScheduler } from "../actors/ActorScheduler.ts"
import * as Dossiers from "../actors/Dossiers.ts"
import * as HistoryLog from "../actors/HistoryLog.ts"
import * as KeyPool from "../actors/KeyPool.ts"
import * as LocalSubscriptions from "../actors/LocalSubscriptions.ts"
import * as NudgeGate from "../actors/NudgeGate.ts"
import * as Outbox from "../actors/Outbox.ts"
import * as Tenure from "../actors/Tenure.ts"
import * as UserGate from "../actors/UserGate.ts"
import * as WriteBehind from "../actors/WriteBehind.ts"
import * as NodeRsaKeys from "../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../layers/crypto/SealedCallback.ts"
import * as ServiceKeys from "../layers/crypto/ServiceKeys.ts"
import * as DomainAutodiscover from "../layers/ews/DomainAutodiscover.ts"
import * as EndpointPolicyLive from "../layers/ews/EndpointPolicyLive.ts"
import * as EwsClient from "../layers/ews/EwsClient.ts"
import * as HostFigures from "../layers/ews/HostFigures.ts"
import * as Throttle from "../layers/ews/Throttle.ts"
import * as FencedHttpSessions from "../layers/ownership/FencedHttpSessions.ts"
import * as FencedPush from "../layers/ownership/FencedPush.ts"
import * as Ownership from "../layers/ownership/Ownership.ts"
import * as MasterKeyCheck from "../layers/storage/MasterKeyCheck.ts"
import * as TroublesLive from "../layers/telemetry/TroublesLive.ts"
import { Settings } from "../schemas/Settings.ts"
import * as Database from "./Database.ts"
import * as Housekeeping from "./Housekeeping.ts"
import * as Admin from "./http/Admin.ts"
import * as ApiTokens from "./http/ApiTokens.ts"
import * as CallbackListener from "./http/CallbackListener.ts"
import * as DeviceRoutes from "./http/DeviceRoutes.ts"
import * as Intake from "./http/Intake.ts"
import * as Limits from "./http/Limits.ts"
import * as LoadShedding from "./http/LoadShedding.ts"
import * as PublicListener from "./http/PublicListener.ts"
import * as RegistrationPayloads from "./http/RegistrationPayloads.ts"
import * as OtlpMeasure from "./OtlpMeasure.ts"
import * as Stopping from "./Stopping.ts"
import * as TenureKeyCheck from "./TenureKeyCheck.ts"

const masterKey = Layer.unwrapEffect(
  Effect.map(Settings, (settings) => MasterKeyCheck.layer(settings.masterKey))
)

const keyedStorage = ServiceKeys.layer.pipe(
  Layer.provideMerge(masterKey),
  Layer.provideMerge(Database.storage)
)

/** Storage and keys that belong together: what commands that touch data need. They wait for no other process. */
export const data = Layer.provide(keyedStorage, Ownership.layerAll)

/** HTTP to Exchange that leaves alone who asks for it. */
const httpSessions = Throttle.layer.pipe(Layer.provide(FencedHttpSessions.layer))

/** Everything that the actors' jobs use. */
const outside = Layer.mergeAll(
  SealedCallback.layer,
  EwsClient.layer,
  DomainAutodiscover.layer,
  FencedPush.layer
).pipe(
  Layer.provideMerge(Layer.merge(httpSessions, EndpointPolicyLive.layer)),
  Layer.provideMerge(HostFigures.layer),
  Layer.provideMerge(NodeRsaKeys.layer),
  Layer.provideMerge(keyedStorage),
  // Below storage, so that everything is written before another node may take over.
  Layer.provideMerge(Database.ownership)
)

/** What lives as long as this node is the active one. */
const actors = Outbox.layer.pipe(
  Layer.provideMerge(LocalSubscriptions.layer),
  Layer.provideMerge(Layer.mergeAll(WriteBehind.layer, NudgeGate.layer, KeyPool.layer)),
  Layer.provideMerge(Layer.mergeAll(Dossiers.layer, UserGate.layer, HistoryLog.layer)),
  Layer.provide(TenureKeyCheck.layer())
)

const publicListener = Layer.unwrapScoped(Effect.map(DeviceRoutes.app, PublicListener.layer))

/**
 * The whole service, from bottom to top: storage and keys, Exchange and gateways, actors, listeners. Closing it goes the
 * other way: the intake first, then the actors finish, then what they noted is written, then storage closes,
 * then another node may take over.
 */
export const layer = Stopping.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(publicListener, Housekeeping.layer, OtlpMeasure.layer)),
  // Below the public listener, so that administrators can look on while it drains.
  Layer.provideMerge(Layer.merge(Admin.layer, LoadShedding.layer)),
  Layer.provideMerge(CallbackListener.layer),
  Layer.provideMerge(Layer.mergeAll(Intake.layer, Limits.layer, ApiTokens.layer, RegistrationPayloads.layer)),
  Layer.provideMerge(Tenure.layer(actors)),
  Layer.provideMerge(outside),
  // Beneath all that reports to it; where it is missing, a trouble is told to nobody.
  Layer.provide(TroublesLive.layer),
  // Effect's own keeps a runner for every fiber, which costs as much as a short fiber itself.
  Layer.provide(Layer.suspend(() => Layer.setScheduler(new ActorScheduler())))
)
