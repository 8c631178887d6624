//! Every rule and every ambiguity: what it says, how it is kept, and which tests prove it.
//! docs/CONFORMANCE.md is made of this; the module `page` holds the two against each other, and
//! against the tests that there are.

/// How a rule is kept.
pub(crate) enum Kept {
    /// By the engine, whatever the host does.
    Engine,
    /// By the host, with what the engine gives it for that.
    Helped(&'static str),
    /// It binds a client or a transport alone: why.
    NotApplicable(&'static str),
}

pub(crate) struct Rule {
    pub(crate) number: u8,
    pub(crate) rule: &'static str,
    pub(crate) level: &'static str,
    pub(crate) revisions: &'static str,
    pub(crate) kept: Kept,
    pub(crate) tests: &'static [&'static str],
}

/// A question that the protocol leaves open.
pub(crate) struct Ambiguity {
    pub(crate) number: u8,
    pub(crate) question: &'static str,
    pub(crate) answer: &'static str,
    /// How a host can have it otherwise; empty if it cannot.
    pub(crate) option: &'static str,
    pub(crate) kept: Kept,
    pub(crate) tests: &'static [&'static str],
}

const ALL: &str = "all";
const LEGACY: &str = "2024-11-05 to 2025-11-25";
const OLDEST: &str = "2024-11-05";
const BATCHES: &str = "2025-03-26";
const STREAMABLE: &str = "2025-03-26 to 2025-11-25";
const HEADERS: &str = "2025-06-18, 2025-11-25";
const TASKS: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

const MUST: &str = "must";
const SHOULD: &str = "should";
const DERIVED: &str = "follows from others";
const POLICY: &str = "our choice";

use Kept::{Engine, Helped, NotApplicable};

macro_rules! rules {
    ($($number:literal $level:ident $revisions:ident $rule:literal, $kept:expr, [$($test:literal),* $(,)?];)+) => {
        &[$(Rule {
            number: $number,
            rule: $rule,
            level: $level,
            revisions: $revisions,
            kept: $kept,
            tests: &[$($test),*],
        }),+]
    };
}

macro_rules! ambiguities {
    ($($number:literal $question:literal, $answer:literal, $option:literal, $kept:expr, [$($test:literal),* $(,)?];)+) => {
        &[$(Ambiguity {
            number: $number,
            question: $question,
            answer: $answer,
            option: $option,
            kept: $kept,
            tests: &[$($test),*],
        }),+]
    };
}

const BINDS_A_CLIENT: &str = "binds a client; the engine is a server's half";
const CHECKED: &str = "`http::Endpoint::check` looks at each request before the engine does";

pub(crate) static RULES: &[Rule] = rules! {
    1 MUST ALL "A notification has `jsonrpc` and `method` and no `id`; its params, if any, are an object.",
        Engine, ["r01_every_frame_is_a_message_of_its_revision", "r01_params_of_the_host_are_an_object_or_refused"];
    2 MUST ALL "A notification is never answered, not even a malformed one.",
        Engine, ["r02_a_notification_is_never_answered"];
    3 MUST ALL "Only methods that the session's revision has, in the direction it has them, are sent.",
        Engine, ["r03_a_method_goes_where_its_revision_has_it", "r03_a_method_that_is_not_a_servers_is_refused"];
    4 MUST ALL "On stdio each message is one line of UTF-8 without a line break inside.",
        Engine, ["r04_one_line_for_one_message", "r04_half_a_surrogate_does_not_break_the_line", "r04_server_sent_events_hold_one_message_each"];
    5 MUST ALL "Nobody is sent a batch, and one that comes in is refused where the revision has none.",
        Engine, ["r05_arrays_are_refused_where_the_revision_has_none", "r05_no_array_is_emitted"];
    6 MUST BATCHES "A batch is taken: notifications alone get no answer, `initialize` in one and an empty one are refused.",
        Engine, ["r06_a_batch_is_taken_in_2025_03_26", "r06_a_batch_that_may_not_be_is_refused"];
    7 POLICY LEGACY "Notices raised before the client says `initialized` wait for it.",
        Engine, ["r07_notices_wait_for_initialized"];
    8 MUST LEGACY "Nothing is sent behind a capability that was not advertised.",
        Engine, ["r08_nothing_behind_a_capability_that_is_not_advertised", "r08_a_task_status_is_for_those_to_whom_tasks_were_advertised"];
    9 MUST ALL "Log messages are sent only if `logging` was advertised.",
        Engine, ["r09_no_log_without_the_capability"];
    10 MUST LEGACY "After `logging/setLevel` only that level and those above it are sent.",
        Engine, ["r10_only_the_level_asked_for_and_above"];
    11 SHOULD LEGACY "A level that does not exist is refused with -32602 and changes nothing.",
        Engine, ["r11_a_level_that_is_none_changes_nothing"];
    12 MUST MODERN "No log message is sent for a request that named no level.",
        Engine, ["r12_no_log_for_a_request_that_asked_for_none"];
    13 MUST MODERN "A log message keeps to its request: to its level, to its stream, and before its response.",
        Engine, ["r13_each_request_has_its_own_level_and_an_end", "r13_a_log_rides_the_stream_of_its_own_request"];
    14 MUST MODERN "A listen carries neither progress nor log messages, even if it brought a token and a level.",
        Engine, ["r14_a_listen_carries_neither_log_nor_progress"];
    15 SHOULD MODERN "A request with a level that does not exist is refused with -32602.",
        Engine, ["r15_a_level_that_is_none_refuses_that_request_only"];
    16 MUST ALL "Progress is sent only for the token of a request that the peer has in flight.",
        Engine, ["r16_only_for_the_token_of_an_active_request", "r16_a_token_that_can_be_none_is_none", "r16_progress_that_the_host_sends_is_admitted_alike"];
    17 MUST ALL "Each progress value of a token is greater than the one before.",
        Engine, ["r17_each_value_is_greater_than_the_one_before", "r17_what_is_no_number_is_refused"];
    18 MUST ALL "There is no progress after the response, the error or the cancellation.",
        Engine, ["r18_nothing_after_the_response_whoever_is_faster", "r18_nothing_after_an_error_a_cancellation_or_input_required"];
    19 MUST ALL "A token keeps its JSON type: `1` is not `\"1\"`.",
        Engine, ["r19_a_token_keeps_its_type"];
    20 MUST ALL "A requester's tokens are unique among its requests in flight.",
        Helped("the log hook tells of a token that is taken; the first request keeps it"),
        ["r20_a_token_that_is_taken_is_told_and_the_first_goes_on"];
    21 SHOULD ALL "Floods are held to a rate, and the last value still arrives.",
        Engine, ["r21_a_flood_is_one_frame_with_the_last_value", "r21_an_interval_bounds_the_rate_and_keeps_the_last_value"];
    22 MUST OLDEST "Progress has no `message`.",
        Engine, ["r22_the_oldest_revision_has_no_message"];
    23 MUST TASKS "The token of a task lives until the task is over, beyond the response that created it.",
        Engine, [
            "r23_the_token_of_a_task_lives_until_the_task_is_over",
            "r23_the_request_is_answered_though_its_token_lives",
            "r23_the_token_ends_with_the_session_and_with_what_the_client_is_told",
            "r23_only_where_the_revision_and_the_server_have_tasks",
            "r23_progress_held_back_is_sent_before_the_end_of_its_task",
            "r23_r29_progress_of_a_task_rides_the_standalone_stream",
            "r23_nothing_follows_the_end_whatever_is_in_hand",
            "r23_a_forgotten_task_takes_its_token_along",
        ];
    24 MUST LEGACY "`resources/updated` goes only to sessions that subscribed to that URI.",
        Engine, ["r24_updates_go_to_those_who_subscribed_to_that_uri"];
    25 MUST LEGACY "Once `resources/unsubscribe` is answered, no update of that URI follows.",
        Engine, ["r25_no_update_follows_the_answer_to_unsubscribe"];
    26 MUST LEGACY "Subscribing, unsubscribing, setting a level and pinging have the result `{}`, to the byte.",
        Engine, ["r26_results_are_empty_to_the_byte"];
    27 MUST LEGACY "Subscribing without `resources.subscribe` advertised is -32601.",
        Engine, ["r27_subscribing_where_it_is_not_advertised_is_no_method"];
    28 MUST STREAMABLE "A message goes out on exactly one of a session's streams.",
        Engine, ["r28_a_message_goes_to_exactly_one_stream"];
    29 SHOULD STREAMABLE "What belongs to a request rides its stream, everything else the standalone one.",
        Engine, ["r29_what_belongs_to_a_request_rides_its_stream", "r23_r29_progress_of_a_task_rides_the_standalone_stream"];
    30 MUST STREAMABLE "No response stands on the standalone stream, unless it resumes the one that owes it.",
        Engine, ["r30_no_response_on_the_standalone_stream", "r30_r35_the_response_waits_for_the_stream_that_owes_it"];
    31 MUST STREAMABLE "Event ids are unique among all streams of a session.",
        Engine, ["r31_r34_ids_name_their_stream_and_are_never_twice_the_same"];
    32 MUST STREAMABLE "A resumed stream is sent what followed that event on that stream, in order, and nothing else.",
        Engine, ["r32_a_stream_replays_its_own_and_only_what_followed"];
    33 SHOULD TASKS "A stream opens with an id and empty data, and says when to come back before it is dropped.",
        Engine, ["r33_only_2025_11_25_begins_with_an_id_and_says_when_to_come_back", "r33_a_stream_can_be_hung_up_before_anything_was_said"];
    34 SHOULD TASKS "An event id names its stream.",
        Engine, ["r31_r34_ids_name_their_stream_and_are_never_twice_the_same"];
    35 SHOULD STREAMABLE "A dropped connection is no cancellation.",
        Engine, ["r35_a_dropped_connection_cancels_nothing", "r30_r35_the_response_waits_for_the_stream_that_owes_it"];
    36 MUST STREAMABLE "A terminated session answers 404, and its subscriptions are dropped.",
        Helped("its handle is `Gone` at once for every call; `http::Endpoint::check` makes that 404"),
        ["r36_an_ended_session_is_gone_with_what_it_held", "r36_a_terminated_session_is_404_for_everything", "r36_a_session_that_ends_meanwhile_is_404_too"];
    37 MUST STREAMABLE "Session ids are visible ASCII, and nobody can guess them.",
        Helped("`http::new_session_id` makes them of 192 random bits; those that come in are looked at"),
        ["r37_session_ids_are_visible_and_unlike_one_another"];
    38 SHOULD STREAMABLE "A request without the session id that it needs is 400.",
        Helped(CHECKED), ["r38_a_request_without_its_session_is_400"];
    39 MUST ALL "A request of a foreign `Origin` is refused.",
        Helped("`http::Origins` and `http::Hosts` say who may call; the status is 403 in every revision"),
        ["r39_a_foreign_origin_is_403_and_begins_nothing"];
    40 MUST HEADERS "An invalid `MCP-Protocol-Version` is 400; without one it is 2025-03-26.",
        Helped(CHECKED),
        ["r40_the_version_header_is_that_of_the_session_or_400", "r40_without_a_header_and_a_session_it_is_2025_03_26"];
    41 MUST MODERN "The acknowledgment of a listen is the first that is heard of it.",
        Engine, ["r41_ack_is_first", "r41_ack_is_first_behind_a_queue"];
    42 MUST MODERN "Every frame of a listen bears its id, with its JSON type, `0` and `\"\"` included.",
        Engine, ["r42_every_frame_bears_the_id_to_the_letter", "r42_ids_of_two_types_are_two_subscriptions"];
    43 MUST MODERN "A listen hears only of what its filter names.",
        Engine, ["r43_only_what_the_filter_names_and_r44_only_what_is_advertised", "r43_only_the_uris_that_are_named"];
    44 MUST MODERN "The acknowledgment names only what was asked for and is advertised, and never a `false`.",
        Engine, ["r43_only_what_the_filter_names_and_r44_only_what_is_advertised", "r44_false_and_empty_are_not_honoured"];
    45 MUST MODERN "Without a listen, changes produce no output at all.",
        Engine, ["r45_silence_without_a_listen"];
    46 MUST MODERN "Listens that overlap have a copy each, and do not disturb one another.",
        Engine, ["r46_each_listen_has_its_own_copy"];
    47 MUST MODERN "After the client has cancelled or gone, nothing more is sent for the listen, nor a result.",
        Engine, ["r47_silence_after_a_cancellation_under_load", "r47_silence_after_the_stream_is_closed"];
    48 SHOULD MODERN "A server that ends a listen sends its result as the last frame.",
        Engine, ["r48_a_graceful_end_says_so_last", "r48_a_graceful_end_ends_each_stream", "r48_an_end_that_is_not_graceful_never_looks_like_one"];
    49 MUST MODERN "A server's `cancelled` names nothing but a listen of the client's.",
        Engine, ["r49_the_host_cannot_send_a_cancellation"];
    50 MUST ALL "A `cancelled` that is malformed, unknown or late is passed over, also when it races the response.",
        Engine, ["r50_a_cancellation_of_nothing_is_passed_over", "r50_a_cancellation_races_the_response"];
    51 MUST MODERN "A listen without a filter object is -32602, and its stream ends.",
        Engine, ["r51_a_listen_without_a_filter_is_refused"];
    52 MUST MODERN "A request without its metadata is -32602, one of another version -32022 with its data, before anything else happens.",
        Engine, ["r52_a_request_without_its_metadata_is_refused_before_anything", "r52_over_http_it_is_400_before_anything"];
    53 MUST MODERN "Headers that disagree with the body are 400 and -32020, before anything is started.",
        Helped("`http::Endpoint::check` compares them before the engine sees the request; `Mcp-Param-` headers are the host's, which knows its tools"),
        ["r53_headers_that_disagree_with_the_body_are_400_before_anything", "r53_the_era_is_decided_by_how_the_client_opens"];
    54 MUST MODERN "Errors have their HTTP status: 404, 400, 202, 405.",
        Helped("`http::Endpoint::answer` finds the status of a frame, `status` that of a code"),
        ["r54_the_codes_that_a_host_turns_into_a_status_are_exact", "r54_every_answer_has_its_status", "r54_in_the_older_era_an_error_is_an_ordinary_answer"];
    55 MUST MODERN "No error code is sent that the revision withdrew or did not define.",
        Engine, ["r55_no_code_that_the_revision_forbids"];
    56 MUST MODERN "A server sends no requests.",
        Engine, ["r56_a_server_sends_no_requests"];
    57 MUST MODERN "Nothing that one request said is used for another.",
        Engine, ["r57_no_request_inherits_from_another"];
    58 MUST MODERN "Events have no id, and nothing is resumed.",
        Engine, ["r58_events_have_no_id", "r58_other_revisions_framings_and_unnamed_streams_have_no_ids", "r58_no_event_id_is_asked_for_and_none_is_heeded"];
    59 SHOULD MODERN "Proxies are told not to buffer, and a silent listen shows signs of life.",
        Helped("proxies: the header is in `http::EVENT_STREAM_HEADERS`; the signs of life are the engine's"),
        ["r59_nobody_between_is_to_hold_a_stream_back", "r59_a_silent_listen_shows_signs_of_life", "r59_no_stream_is_silent_for_longer_than_its_interval", "r59_a_comment_never_stands_before_what_is_queued", "r59_nothing_is_due_where_nothing_is_open", "r59_streams_of_older_revisions_show_signs_of_life_too", "r59_signs_of_life_come_by_callback_and_by_every_pull"];
    60 MUST MODERN "Every result has a `resultType`; in the older revisions none has.",
        Engine, ["r60_a_result_of_the_engine_has_its_type_in_this_era_only", "r60_a_result_of_the_host_is_completed_or_freed_of_its_type", "r60_a_type_that_cannot_be_mended_is_refused"];
    61 MUST MODERN "The methods that the revision took away are -32601.",
        Engine, ["r61_what_the_era_took_away_is_no_method"];
    62 MUST ALL "Each era keeps to itself: no tags in the older one, no untagged change in the newer.",
        Engine, ["r62_two_eras_side_by_side_keep_to_themselves"];
    63 SHOULD MODERN "A change of a list reaches every stream that opted in.",
        Engine, ["r63_every_stream_that_opted_in_is_told"];
    64 MUST MODERN "`taskIds` without the capability is -32021, with the capability it lacks.",
        Engine, [
            "r64_task_ids_need_the_extension_in_that_very_request",
            "r64_the_refusal_ends_its_stream_and_params_are_looked_at_before",
            "r64_without_the_extension_the_field_is_unknown",
        ];
    65 MUST MODERN "`notifications/tasks` goes to listens that named the task, with all that `tasks/get` would say.",
        Helped("the host gives all that `tasks/get` would say; the engine sends it to those listens alone, tagged, and the newest state to whoever is slow"),
        [
            "r65_a_task_is_told_to_the_listens_that_named_it",
            "r65_the_body_is_what_the_host_wrote",
            "r65_the_newest_state_stands_where_the_first_was_raised",
            "r65_a_task_is_never_a_resource",
            "r65_what_waits_goes_with_the_listen_or_out_before_its_end",
            "r65_an_update_that_waits_counts_as_an_event",
            "r65_an_update_that_outgrows_its_place_is_up_to_the_policy",
            "r65_r76_updates_that_nobody_reads_cost_one_body_for_all",
            "r65_an_update_raised_while_one_is_in_hand_follows_it",
            "r65_an_open_session_hears_of_tasks_as_of_any_event",
        ];
    66 MUST ALL "A task's status changes in legal steps, and not at all once it is over.",
        Engine, [
            "r66_a_status_takes_legal_steps_only",
            "r66_what_is_no_task_is_refused_by_the_name_of_its_field",
            "r66_of_too_many_tasks_the_one_longest_over_is_forgotten_first",
        ];
    67 MUST TASKS "Messages of a task name it in their metadata, its status notification does not.",
        Helped("the engine names the task in its progress; in a request or a response the host does"),
        ["r67_progress_names_its_task_and_the_status_does_not", "r67_the_status_of_a_task_goes_to_the_session_that_was_given_it"];
    68 MUST TASKS "`elicitation/complete` goes to the session that was asked, with an id that it knows.",
        Engine, [
            "r68_elicitation_complete_goes_once_to_the_session_that_knows_the_id",
            "r68_only_ids_that_were_given_by_url_and_in_that_revision_are_known",
            "r68_of_too_many_ids_the_oldest_is_forgotten",
        ];
    69 DERIVED MODERN "A listen never tells of what the caller may not read.",
        Helped("`Hooks::authorize` is asked before anything is acknowledged, and by `Engine::revoke` again; in the older revisions as well"),
        ["r69_who_may_not_read_a_resource_does_not_hear_of_it_either",
         "r69_lists_that_a_legacy_session_hears_of_unasked_are_asked_for_as_well",
         "r69_a_list_that_changes_while_the_host_is_asked_is_told",
         "r69_every_subscription_of_a_batch_is_asked_for",
         "r69_an_answer_counts_for_all_sessions_of_a_principal_while_one_holds_the_topic",
         "r69_nothing_is_asked_for_what_is_refused_anyway",
         "r69_a_host_that_subscribes_a_session_is_asked_too",
         "r69_an_answer_that_was_revoked_before_it_counted_is_asked_for_again",
         "r69_a_host_that_revokes_with_each_answer_is_refused_in_the_end",
         "r69_no_subscription_slips_through_a_revocation_on_another_thread",
         "r69_what_is_being_asked_about_again_is_not_taken_for_known",
         "r69_sessions_of_others_are_not_asked_about",
         "r69_a_task_is_asked_about_and_can_be_withdrawn"];
    70 MUST ALL "Log messages hold no secrets.",
        NotApplicable("binds whoever writes the log message: the engine cannot tell a secret from a word"), [];
    71 MUST OLDEST "On HTTP+SSE the `endpoint` event comes before all messages.",
        NotApplicable("binds the transport alone: the host writes that event before it drains the session"), [];
    72 SHOULD MODERN "A notification makes the cached list or resource stale.",
        NotApplicable(BINDS_A_CLIENT), [];
    73 MUST MODERN "A client tells its listens apart by their id, and listens again after a restart.",
        NotApplicable(BINDS_A_CLIENT), [];
    74 MUST TASKS "A client waits as long as `retry` says.",
        NotApplicable(BINDS_A_CLIENT), [];
    75 MUST TASKS "A client passes over an `elicitation/complete` with an id that it does not know.",
        NotApplicable(BINDS_A_CLIENT), [];
    76 SHOULD ALL "A reader that stalls does not make memory grow.",
        Engine, ["r76_a_reader_that_stalls_costs_no_more_after_a_while", "r65_r76_updates_that_nobody_reads_cost_one_body_for_all"];
    77 MUST MODERN "The stream of an ordinary request carries nothing but what belongs to it.",
        Engine, ["r77_a_change_never_rides_the_stream_of_a_request"];
    78 MUST MODERN "Nothing follows the response on its stream, and the stream ends.",
        Engine, ["r78_the_response_is_the_last_frame_and_ends_the_stream", "r18_nothing_after_the_response_whoever_is_faster"];
    79 MUST LEGACY "A server's `cancelled` names a request of its own that the client has not answered.",
        Engine, ["r79_a_server_cancels_only_what_it_asked_and_nobody_answered"];
    80 MUST LEGACY "`initialize` cannot be cancelled; any other request is silent from then on, without a response.",
        Engine, ["r80_initialize_cannot_be_cancelled", "r80_a_cancelled_call_is_silent_from_then_on"];
    81 DERIVED MODERN "What a listen is sent carries no token and no level of another request.",
        Engine, ["r81_notices_carry_nothing_of_other_requests"];
    82 MUST STREAMABLE "A POST of notifications and responses alone is 202, without a body.",
        Helped("nothing is queued for them, so that the body is empty; `http::Endpoint::answer` says 202"),
        ["r82_notifications_and_responses_queue_nothing", "r82_what_needs_no_answer_is_202_and_empty"];
    83 MUST STREAMABLE "A GET opens a stream or is 405.",
        Helped("`http::Endpoint::check` says which; 406 where the client does not accept a stream"),
        ["r83_a_get_opens_a_stream_or_is_405"];
    84 MUST MODERN "A client that tries again after a lost stream takes a new id.",
        NotApplicable(BINDS_A_CLIENT), [];
};

pub(crate) static AMBIGUITIES: &[Ambiguity] = ambiguities! {
    1 "What does a server send to end a listen?",
        "Its result, last; no `cancelled`.",
        "`listen.send_cancelled=yes` sends one just before it, but not on SSE", Engine, ["g01_the_result_alone_ends_a_listen", "g01_a_cancellation_comes_first_if_the_host_says_so"];
    2 "Does a subscription cover what lies below its URI?",
        "No: exactly that URI.",
        "`resources.match=segments` covers what lies below it by path segments",
        Engine, ["g02_a_subscription_covers_what_lies_below_if_the_host_says_so", "r43_only_the_uris_that_are_named", "r24_updates_go_to_those_who_subscribed_to_that_uri"];
    3 "When are two URIs the same?",
        "When their bytes are. One that stands twice counts once; the acknowledgment spells them as the client did.",
        "", Engine, ["g03_uris_are_compared_byte_by_byte_and_count_once"];
    4 "Can one subscribe to a template?",
        "Not on the wire: a template is a URI like any other. A host can, for an open or a legacy session.",
        "`subscribe_template`", Engine, ["g04_a_template_on_the_wire_is_a_plain_uri", "g04_a_host_can_subscribe_a_session_to_a_template"];
    5 "May notices be merged?",
        "Those that still wait, yes; the last one is never lost, and none merges across the acknowledgment.",
        "the keys of `debounce.` merge over an interval", Engine, ["g05_waiting_notices_merge_and_the_last_is_kept", "g05_an_interval_merges_too_and_keeps_the_last", "g14_nothing_is_missed_from_the_acknowledgment_on"];
    6 "In which order do notifications leave?",
        "As they were raised, on each stream. Responses may overtake what is not theirs.",
        "", Engine, ["g06_what_is_raised_first_leaves_first_and_answers_may_overtake"];
    7 "May a part of the URIs be honoured?",
        "Yes: those that `Hooks::authorize` allows; what it refuses fails the whole listen, with -32602.",
        "`Access::Omit` or `Access::Refuse`", Engine,
        ["g07_a_listen_is_granted_what_its_client_may_have_and_is_told_which"];
    8 "What of a URI that nobody knows?",
        "It is taken, and looks like one that the client may not read.",
        "`Hooks::authorize`", Engine,
        ["g08_a_uri_that_nobody_knows_is_taken",
         "g08_what_is_omitted_looks_like_what_nobody_knows"];
    9 "What of subscribing twice, or unsubscribing from nothing?",
        "Twice is once; the answer is `{}` in any case.",
        "", Engine, ["g09_subscribing_twice_is_once_and_unsubscribing_is_never_wrong"];
    10 "Does a change that two listens ask for arrive twice?",
        "Yes, once for each.",
        "", Engine, ["r46_each_listen_has_its_own_copy"];
    11 "What becomes of a listen of which nothing is honoured?",
        "It is acknowledged and ends at once, gracefully.",
        "`listen.empty=hold` holds it open", Engine, ["g11_a_listen_to_nothing_ends_at_once_unless_it_is_held"];
    12 "How many listens and URIs may a client have?",
        "As many as are configured; one more is refused before any acknowledgment with -32603, a filter that is too large with -32602; the error names the limit.",
        "`session.max_subscriptions`, `principal.max_subscriptions`, `engine.max_subscriptions`, `session.max_filter_bytes`, `filter.max_uris`, `filter.max_bytes`, `uri.max_bytes`",
        Engine, ["g12_a_listen_beyond_a_limit_is_refused_before_any_acknowledgment"];
    13 "How is a filter changed?",
        "By a new listen; the old one is cancelled once the new one is acknowledged.",
        "", Engine, ["r46_each_listen_has_its_own_copy", "g14_nothing_is_missed_from_the_acknowledgment_on"];
    14 "What of a change between the read and the acknowledgment?",
        "A listen hears of everything from the moment it is taken in, so a client reads again after the acknowledgment. The engine sends no snapshot, of a task neither: it knows a status, and not the state.",
        "", Engine, ["g14_nothing_is_missed_from_the_acknowledgment_on"];
    15 "What of a client that does not read?",
        "Notices merge. Of events, as the policy says: the session ends as lagged, or the oldest or the newest is dropped and counted. An end for that reason is an error and never looks graceful.",
        "`overflow`", Engine, ["r76_a_reader_that_stalls_costs_no_more_after_a_while", "r48_an_end_that_is_not_graceful_never_looks_like_one"];
    16 "What of an id that is in use?",
        "-32600; the first one goes on.",
        "", Engine, ["g16_an_id_in_use_is_refused_and_the_first_goes_on"];
    17 "Whose is the log level, and what is it at first?",
        "The session's; at first that of the configuration.",
        "`logging.default_level`", Engine, ["g17_a_level_is_a_sessions_own_and_begins_as_configured"];
    18 "Does \"not broadcast\" hold among clients?",
        "No: each session has its own copy, on one of its streams.",
        "", Engine, ["g18_each_session_has_its_own_copy"];
    19 "What of a change while no stream is open?",
        "It waits, merged, for the next standalone stream.",
        "", Engine, ["r35_a_dropped_connection_cancels_nothing"];
    20 "Does what belongs to no request ride a request's stream?",
        "No, it waits for the standalone one.",
        "`streams.unrelated=request` sends it on that of a request that is open, as long as there is no standalone one", Engine, ["g20_what_is_unrelated_waits_for_the_standalone_stream", "g20_what_is_unrelated_rides_an_open_request_if_the_host_says_so", "g20_what_rides_a_stream_that_can_be_resumed_has_its_ids"];
    21 "Is a change of templates a change of the resource list?",
        "If the host says so: it raises `resources/list_changed`.",
        "the host raises it or not", Engine, ["r63_every_stream_that_opted_in_is_told"];
    22 "May a pipe change its era?",
        "No: the first request decides.",
        "", Engine, ["r62_two_eras_side_by_side_keep_to_themselves"];
    23 "What of access that is withdrawn during a listen?",
        "What was withdrawn is heard of no more; if the host says so the listen ends, as `revoked`, with an error: an end that is none of the server's wishes is never a graceful one. The client may listen again, and the host is asked again.",
        "`Engine::revoke`", Engine,
        ["g23_a_host_can_end_a_listen_and_the_client_can_come_again",
         "g23_revoked_access_ends_the_delivery_and_comes_back_when_it_is_allowed",
         "g23_a_refusal_ends_the_listen_and_never_looks_graceful",
         "g23_a_principal_can_be_looked_at_as_a_whole_and_so_can_everybody",
         "g23_what_is_withdrawn_stays_so_whatever_types_a_session_chooses",
         "g23_a_container_that_is_withdrawn_takes_what_is_in_it_along",
         "g23_the_latest_revocation_has_the_last_word",
         "g23_without_somebody_to_ask_nothing_can_be_revoked"];
    24 "Which HTTP status has an error that none is defined for?",
        "-32602 is 400 and -32603 is 200, or what the host chooses. In the older revisions an error is an ordinary answer, with 200.",
        "`http::Statuses`", Helped("`http::Endpoint::answer` finds the status"), ["g24_the_status_of_an_error_without_one_is_the_hosts_choice"];
    25 "Is the answer to a listen an event stream or JSON?",
        "An event stream if it is acknowledged, JSON if it is refused; a client that does not accept both is refused with 406.",
        "the host that asks nobody sends all in the framing of the session", Helped("`http::Endpoint::answer` decides by the first frame, and takes an error out of its framing"), ["g25_a_listen_is_a_stream_and_its_error_is_json", "r52_a_request_without_its_metadata_is_refused_before_anything", "r58_events_have_no_id"];
    26 "What of a token or a level on a listen?",
        "They are ignored; a level that does not exist refuses it (R15).",
        "", Engine, ["r14_a_listen_carries_neither_log_nor_progress"];
    27 "How does a client know that a pipe with a listen is alive?",
        "By the pipe itself.",
        "", NotApplicable("the protocol has no sign of life on stdio"), [];
    28 "What of the same progress with a new message?",
        "It is not sent, and counted.",
        "", Engine, ["g28_a_value_that_is_not_greater_is_not_sent_whatever_it_says"];
    29 "Does an acknowledgment repeat `false` and empty lists?",
        "No.",
        "", Engine, ["r44_false_and_empty_are_not_honoured"];
    30 "What of filter fields that nobody knows?",
        "They are passed over, and not acknowledged; nor are those of an extension that the server does not advertise.",
        "", Engine, ["r44_false_and_empty_are_not_honoured", "r64_without_the_extension_the_field_is_unknown"];
    31 "How does one listen for `events/list_changed`?",
        "One cannot: no revision has a field for it.",
        "", NotApplicable("a sketch that no revision has taken up"), [];
    32 "Do attach and detach of a listen pair up, whatever happens?",
        "The engine has no such hooks; a subscription is dropped once, with whatever ends it.",
        "", Engine, ["r47_silence_after_a_cancellation_under_load", "r36_an_ended_session_is_gone_with_what_it_held"];
    33 "Which headers has a POST of a notification?",
        "None need be there, and those that are there are not compared.",
        "", Helped("`http::Endpoint::check` asks for none"), ["g33_a_notification_needs_no_headers_and_may_have_them"];
    34 "What of a list that differs from one caller to another?",
        "A change is raised for one principal, one session, or all but one.",
        "the target of the raising", Engine, ["g34_a_change_can_be_told_to_those_whom_it_concerns"];
    35 "Does 2024-11-05 have batches?",
        "No.",
        "", Engine, ["r05_arrays_are_refused_where_the_revision_has_none"];
};
