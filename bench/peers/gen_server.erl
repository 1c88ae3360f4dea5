%% The same question for Erlang: N gen_servers with comparable state, each with a timer of half an hour that every
%% message moves. Run by escript; prints a line per size: n bytes spawn-us woken/s burst/s close-ms.
-module(gen_server_bench).
-mode(compile).
-behaviour(gen_server).
-export([main/1, init/1, handle_cast/2, handle_call/3, handle_info/2]).

-record(state, {user, link = active, link_since, nudges = 0, generation = 1, attempted = 1, refused = 0,
                subscription, watermark, endpoint, inbox = 0, last_heard, inbox_read = 0, unread, badge,
                token_expires_at = 0, token_noticed = false, backlog = false, ledger, subscribed_at = [],
                jobs = 0, work = idle, next, desk = free, queue = [], timer, observer}).

main(Sizes) ->
    measure(2000),
    [io:format("~b ~b ~f ~b ~b ~f~n", measure(list_to_integer(Size))) || Size <- Sizes].

measure(N) ->
    Before = retained(),
    {SpawnUs, Pids} = timer:tc(fun() -> [start(I) || I <- lists:seq(1, N)] end),
    Rounds = max(3, (200000 + N - 1) div N),
    {WakeUs, ok} = timer:tc(fun() -> rounds(Rounds, Pids, N) end),
    [erlang:garbage_collect(Pid) || Pid <- Pids],
    Bytes = (retained() - Before) div N,
    Burst = 200000,
    One = hd(Pids),
    {BurstUs, ok} = timer:tc(fun() -> burst(One, Burst), await(Burst) end),
    {CloseUs, ok} = timer:tc(fun() -> close(Pids) end),
    [N, Bytes, SpawnUs / N, Rounds * N * 1000000 div WakeUs, Burst * 1000000 div BurstUs, CloseUs / 1000].

start(I) ->
    {ok, Pid} = gen_server:start(?MODULE, {I, self()}, []),
    Pid.

rounds(0, _, _) -> ok;
rounds(Left, Pids, N) ->
    [gen_server:cast(Pid, {heartbeat, Left}) || Pid <- Pids],
    await(N),
    rounds(Left - 1, Pids, N).

burst(_, 0) -> ok;
burst(Pid, Left) ->
    gen_server:cast(Pid, {heartbeat, Left}),
    burst(Pid, Left - 1).

await(0) -> ok;
await(Left) -> receive handled -> await(Left - 1) end.

close(Pids) ->
    Monitors = [{erlang:monitor(process, Pid), exit(Pid, kill)} || Pid <- Pids],
    [receive {'DOWN', Monitor, process, _, _} -> ok end || {Monitor, _} <- Monitors],
    ok.

retained() ->
    erlang:garbage_collect(),
    timer:sleep(200),
    erlang:memory(processes) + erlang:memory(system).

init({I, Observer}) ->
    Hash = fun(What) -> erlang:phash2({What, I}, 1 bsl 32) * 2097152 + erlang:phash2({I, What}, 2097152) end,
    {ok, armed(#state{user = I, observer = Observer, link_since = 1700000000000 + I, last_heard = 1700000000000 + I,
                      subscription = Hash(subscription), watermark = Hash(watermark), endpoint = Hash(endpoint),
                      unread = I rem 50, badge = I rem 50, ledger = [Hash(Mail) || Mail <- lists:seq(1, 8)]})}.

handle_cast({heartbeat, At}, State) ->
    State#state.observer ! handled,
    {noreply, armed(State#state{last_heard = At, watermark = erlang:phash2({watermark, At}, 1 bsl 32)})}.

handle_call(_, _, State) -> {reply, ok, State}.

handle_info(_, State) -> {noreply, State}.

armed(State = #state{timer = undefined}) ->
    State#state{timer = erlang:send_after(1800000 + State#state.user rem 60000, self(), due)};
armed(State = #state{timer = Timer}) ->
    erlang:cancel_timer(Timer),
    armed(State#state{timer = undefined}).
