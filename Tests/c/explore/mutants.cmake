# Faults that the explorer must find: hf_add_mutant(<name> <source> <what is there> <what instead>),
# the source one of csrc, or breaker_inline.h as stepped_calls.c compiles it in.
# No semicolons in them. Each is a test that passes when the fault is found, and fails when it is
# not, or when its place is not in the source any more.

# The mutant, as objects: mutant_core_<name>. What follows are definitions to compile it with.
function(hf_add_mutant_core name source from to)
  set(mutants "${CMAKE_CURRENT_BINARY_DIR}/mutants")
  if(source STREQUAL "breaker_inline.h")
    set(original "${PROJECT_SOURCE_DIR}/include/holdfast/${source}")
    set(copy "${mutants}/${name}/holdfast/${source}")
  else()
    set(original "${PROJECT_SOURCE_DIR}/csrc/${source}")
    set(copy "${mutants}/${name}.c")
  endif()
  add_custom_command(
    OUTPUT "${copy}"
    COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${original}" "-DFROM=${from}" "-DTO=${to}"
            "-DOUTPUT=${copy}" -P "${CMAKE_CURRENT_SOURCE_DIR}/mutate.cmake"
    DEPENDS "${original}" mutate.cmake
    VERBATIM)
  if(source STREQUAL "breaker_inline.h")
    add_library(mutant_core_${name} OBJECT stepped_calls.c "${copy}")
    target_include_directories(mutant_core_${name} BEFORE PRIVATE "${mutants}/${name}")
  else()
    add_library(mutant_core_${name} OBJECT "${copy}")
  endif()
  target_compile_options(mutant_core_${name} PRIVATE ${stepped} -w)
  target_compile_definitions(mutant_core_${name} PRIVATE ${ARGN})
  target_link_libraries(mutant_core_${name} PRIVATE holdfast_test_settings)
endfunction()

# Its test: the explorer's program with the mutant's objects and others.
function(hf_add_mutant_test name program)
  add_executable(mutant_${name} "${program}" $<TARGET_OBJECTS:mutant_core_${name}> ${ARGN})
  target_compile_definitions(mutant_${name} PRIVATE "HF_MUTANT=\"${name}\"")
  target_link_libraries(mutant_${name} PRIVATE explore_support)
  add_test(NAME explore_mutant_${name} COMMAND mutant_${name})
  set_tests_properties(explore_mutant_${name} PROPERTIES TIMEOUT 600)
endfunction()

function(hf_add_mutant name source from to)
  hf_add_mutant_core(${name} ${source} "${from}" "${to}")
  if(source STREQUAL "breaker_inline.h")
    set(compiled stepped_calls.c)
  else()
    set(compiled "${source}")
  endif()
  # The copy stands for its source among the others.
  set(others "$<FILTER:$<TARGET_OBJECTS:explore_core>,EXCLUDE,/${compiled}[.]>")
  hf_add_mutant_test(${name} explore_breaker.c "${others}")
endfunction()

# Of a window of calls alone, which explore_window looks at.
function(hf_add_window_mutant name from to)
  hf_add_mutant_core(${name} breaker_window.c "${from}" "${to}" ${one_call_per_word})
  hf_add_mutant_test(${name} explore_window.c)
endfunction()

# Not one swap: somebody's change is lost.
set(swap "HF__SWAP_IF_ACQUIRE(&breaker->word")
hf_add_mutant(transition_stored breaker.c
              "if (!${swap}, seen, to, memory_order_acq_rel)) {"
              "if (HF__STORE(&breaker->word, to, memory_order_release), false) {")
hf_add_mutant(run_stored breaker.c
              "${swap}, &word, hf__word_with_payload(word, run),"
              "(HF__STORE(&breaker->word, hf__word_with_payload(word, run), memory_order_release),")
hf_add_mutant(probe_taken_by_store breaker.c
              "if (${swap}, &word, to, memory_order_acq_rel)) {"
              "if (HF__STORE(&breaker->word, to, memory_order_release), true) {")
hf_add_mutant(probe_settled_by_store breaker.c
              "done = ${swap}, &word, to, memory_order_acq_rel)"
              "(HF__STORE(&breaker->word, to, memory_order_release), done = true)")
hf_add_mutant(window_counts_stored breaker_window.c
              "if (HF__SWAP_IF(&window->counts, &seen, changed, memory_order_release)) {"
              "if (HF__STORE(&window->counts, changed, memory_order_release), true) {")
hf_add_mutant(window_place_stored breaker_window.c
              "if (HF__SWAP_IF(word, &seen, changed, memory_order_release)) {"
              "if (HF__STORE(word, changed, memory_order_release), true) {")
hf_add_mutant(window_next_place_stored breaker_window.c
              "if (HF__SWAP_IF(&window->next, &seen, changed, memory_order_release)) {"
              "if (HF__STORE(&window->next, changed, memory_order_release), true) {")
hf_add_mutant(window_step_stored breaker_window.c
              "if (HF__SWAP_IF(word, &seen, tag << TAG_BITS | count, order)) {"
              "if (HF__STORE(word, tag << TAG_BITS | count, order), true) {")
hf_add_mutant(shards_stored breaker_counters.c
              "if (!HF__SWAP_IF(shards, &there, made, memory_order_release)) {"
              "if (HF__STORE(shards, made, memory_order_release), false) {")
hf_add_mutant(count_stored breaker_inline.h
              "HF_FRONT_INCREMENT(&front->counts[counter], __ATOMIC_RELAXED)"
              "(HF__STORE(&front->counts[counter], seen + 1, __ATOMIC_RELAXED), seen)")

hf_add_mutant(processor_count_stored breaker_inline.h
              "HF_FRONT_INCREMENT((uint64_t *)(void *)own + counter, __ATOMIC_RELAXED)"
              "HF__STORE((uint64_t *)(void *)own, HF_FRONT_LOAD((uint64_t *)(void *)own, 0) + 1, 0)")
hf_add_mutant(meeting_not_noticed breaker_inline.h
              "if (!HF_FRONT_LIKELY(found == seen)) {"
              "if (found + 1 == seen) {")

# The generation stays, or is not looked at.
hf_add_mutant(probe_keeps_generation breaker.c
              "uint32_t next = hf__word_generation(word) + 1"
              "uint32_t next = hf__word_generation(word)")
hf_add_mutant(hand_keeps_generation breaker.c
              "chosen_word(breaker, state, hf__word_generation(word) + 1, now_ns)"
              "chosen_word(breaker, state, hf__word_generation(word), now_ns)")
hf_add_mutant(late_is_counted breaker.c
              "return (word & ~HF__PAYLOAD_MASK) == permit->state"
              "return hf__word_state(word) == hf__word_state(permit->state)")
hf_add_mutant(late_call_takes_a_place breaker_window.c
              "bool late = newer(seen, generation, GENERATION_BITS)" "bool late = false")
hf_add_mutant(window_of_all_generations breaker_window.c
              "uint64_t counts = there == generation ? seen : 0" "uint64_t counts = seen")

# Deadlines.
set(without_deadline
    "(hf__word_state(to) == HF_BREAKER_OPEN ? to & ~HF__PAYLOAD_MASK : to), memory_order_acq_rel)")
hf_add_mutant(open_before_its_deadline breaker.c
              "if (!${swap}, seen, to, memory_order_acq_rel)) {"
              "if (!${swap}, seen, ${without_deadline} || \
(HF__STORE(&breaker->word, to, memory_order_release), false)) {")
hf_add_mutant(half_open_early breaker.c
              "left = open_left_ms(breaker, word, now_ns)"
              "left = open_left_ms(breaker, word, now_ns + HF__NS_PER_MS)")
hf_add_mutant(deadline_rounded_down breaker.c
              "return since / HF__NS_PER_MS + (since % HF__NS_PER_MS != 0)"
              "return since / HF__NS_PER_MS")
hf_add_mutant(lease_never_over breaker.c
              "left = lease_left_ms(breaker, word, now_ns)"
              "left = 1 + lease_left_ms(breaker, word, now_ns)")
hf_add_mutant(lease_over_early breaker.c
              "left = lease_left_ms(breaker, word, now_ns)"
              "left = lease_left_ms(breaker, word, now_ns + 128 * HF__NS_PER_MS)")
hf_add_mutant(open_time_does_not_grow breaker.c
              "hf__word_attempt(word) + 1, next, now_ns"
              "hf__word_attempt(word), next, now_ns")

# Probes, runs and windows.
hf_add_mutant(one_probe_too_many breaker.c
              "if (hf__word_out(word) < OPTION(breaker, probes)) {"
              "if (hf__word_out(word) <= OPTION(breaker, probes)) {")
hf_add_mutant(neutral_keeps_its_place breaker.c
              "uint32_t out = hf__word_out(word) - 1"
              "uint32_t out = hf__word_out(word) - (outcome != HF_OUTCOME_NEUTRAL)")
hf_add_mutant(neutral_is_a_success breaker.c
              "uint32_t ok = hf__word_ok(word) + (outcome != HF_OUTCOME_NEUTRAL)"
              "uint32_t ok = hf__word_ok(word) + 1")
hf_add_mutant(success_keeps_the_run breaker_inline.h
              "return word == permit->state &&"
              "return word >> HF_FRONT_PAYLOAD_BITS == permit->state >> HF_FRONT_PAYLOAD_BITS &&")
hf_add_mutant(success_of_any_generation breaker_inline.h
              "return word == permit->state &&"
              "return word >> HF_FRONT_STATE_SHIFT == permit->state >> HF_FRONT_STATE_SHIFT &&")
hf_add_mutant(success_passes_the_window breaker_inline.h
              "->slow_from_ns, __ATOMIC_RELAXED) == 0"
              "->slow_from_ns, __ATOMIC_RELAXED) != 1")
hf_add_mutant(every_outcome_succeeds breaker_inline.h
              "if (outcome != HF_OUTCOME_SUCCESS || !hf_breaker_settle_if_only_counted"
              "if (!hf_breaker_settle_if_only_counted")
hf_add_mutant(open_permits breaker_inline.h
              "if (word >> HF_FRONT_STATE_SHIFT != HF_BREAKER_CLOSED) {"
              "if (word >> HF_FRONT_STATE_SHIFT > HF_BREAKER_OPEN) {")
hf_add_mutant(permit_carries_the_run breaker_inline.h
              "permit->state = word >> HF_FRONT_PAYLOAD_BITS << HF_FRONT_PAYLOAD_BITS"
              "permit->state = word")
hf_add_mutant(transition_not_told breaker_inline.h
              "counted = hf_breaker_settle(breaker, &settled, outcome, now_ns, &told)"
              "counted = hf_breaker_settle(breaker, &settled, outcome, now_ns, NULL), told = made")
hf_add_mutant(success_does_not_sum breaker.c
              "if (cause == HF_BREAKER_UNCHANGED && windowed) {"
              "if (cause == HF_BREAKER_UNCHANGED && windowed && outcome != HF_OUTCOME_SUCCESS) {")

hf_add_mutant(step_ahead_not_seen breaker_window.c
              "uint64_t last = last_step(window, generation, step)" "uint64_t last = step")
hf_add_mutant(one_step_ahead_seen breaker_window.c
              "for (uint64_t ahead = HF__WINDOW_STEPS - 1" "for (uint64_t ahead = 1")

hf_add_mutant(counts_trip_alone breaker.c
              "if (of_calls && cause != HF_BREAKER_UNCHANGED) {" "if (false) {")
hf_add_window_mutant(counted_while_places_are_taken "} while (after != before)"
                     "} while (false)")

hf_add_window_mutant(successes_recounted_as_slow "popcountll(high & ~low)" "popcountll(high)")

# Reset.
hf_add_mutant(reset_does_not_close breaker.c
              "hf_breaker_set_state(breaker, HF_BREAKER_CLOSED, now_ns)"
              "hf_breaker_set_state(breaker, HF_BREAKER_METRICS_ONLY, now_ns)")
hf_add_mutant(reset_keeps_totals breaker_counters.c
              "HF__STORE(&first->counts[counter], 0, memory_order_relaxed)" "(void)0")
hf_add_mutant(reset_keeps_totals_of_processors breaker_counters.c
              "HF__STORE(&all[i].counts[counter], 0, memory_order_relaxed)" "(void)0")
hf_add_mutant(reset_keeps_opens breaker.c
              "HF__STORE(&breaker->opens, 0, memory_order_relaxed)" "(void)0")
hf_add_mutant(reset_keeps_closes breaker.c
              "HF__STORE(&breaker->closes, 0, memory_order_relaxed)" "(void)0")

# Orders. Only weak memory shows them: on x86-64 a locked operation is a fence already.
hf_add_mutant(fence_removed breaker.c "HF__FENCE(memory_order_seq_cst)" "(void)0")
hf_add_mutant(fence_acq_rel breaker.c "HF__FENCE(memory_order_seq_cst)"
              "HF__FENCE(memory_order_acq_rel)")
hf_add_mutant(failure_of_step_not_released breaker_window.c
              "add_to_step(&words[1], tag, memory_order_release)"
              "add_to_step(&words[1], tag, memory_order_relaxed)")
hf_add_mutant(failure_of_step_not_acquired breaker_window.c
              "HF__LOAD(&words[1], memory_order_acquire)" "HF__LOAD(&words[1], memory_order_relaxed)")
hf_add_mutant(slow_call_of_step_not_released breaker_window.c
              "add_to_step(&words[2], tag, memory_order_release)"
              "add_to_step(&words[2], tag, memory_order_relaxed)")
hf_add_mutant(slow_call_of_step_not_acquired breaker_window.c
              "HF__LOAD(&words[2], memory_order_acquire)" "HF__LOAD(&words[2], memory_order_relaxed)")
hf_add_mutant(transition_not_released breaker.c
              "seen, to, memory_order_acq_rel)" "seen, to, memory_order_acquire)")
hf_add_mutant(lost_transition_not_acquired breaker.c
              "${swap}, seen, to, memory_order_acq_rel)"
              "HF__SWAP_IF(&breaker->word, seen, to, memory_order_acq_rel)")
hf_add_mutant(lost_probe_not_acquired breaker.c
              "if (${swap}, &word, to, memory_order_acq_rel)) {"
              "if (HF__SWAP_IF(&breaker->word, &word, to, memory_order_acq_rel)) {")
hf_add_mutant(word_not_acquired breaker.c
              "return HF__LOAD(&breaker->word, memory_order_acquire)"
              "return HF__LOAD(&breaker->word, memory_order_relaxed)")
hf_add_mutant(counts_not_released breaker_window.c
              "HF__SWAP_IF(&window->counts, &seen, changed, memory_order_release)"
              "HF__SWAP_IF(&window->counts, &seen, changed, memory_order_relaxed)")
hf_add_mutant(counts_not_acquired breaker_window.c
              "HF__LOAD(&window->counts, memory_order_acquire)"
              "HF__LOAD(&window->counts, memory_order_relaxed)")
hf_add_window_mutant(call_not_released "HF__SWAP_IF(word, &seen, changed, memory_order_release)"
                     "HF__SWAP_IF(word, &seen, changed, memory_order_relaxed)")
hf_add_window_mutant(call_not_acquired "HF__LOAD(&window->words[i], memory_order_acquire)"
                     "HF__LOAD(&window->words[i], memory_order_relaxed)")
hf_add_window_mutant(place_not_released
                     "HF__SWAP_IF(&window->next, &seen, changed, memory_order_release)"
                     "HF__SWAP_IF(&window->next, &seen, changed, memory_order_relaxed)")
hf_add_window_mutant(place_not_acquired "HF__LOAD(&window->next, memory_order_acquire)"
                     "HF__LOAD(&window->next, memory_order_relaxed)")

# Readers of the cache beside a writer.

function(hf_add_cache_mutant name source from to)
  hf_add_mutant_core(${name} ${source} "${from}" "${to}")
  set(others "$<FILTER:$<TARGET_OBJECTS:explore_cache_core>,EXCLUDE,/${source}[.]>")
  hf_add_mutant_test(${name} explore_cache.c "${others}")
endfunction()

hf_add_cache_mutant(cache_plain_read_at_odd_version cache_read.c
                    "same == 0 || (head & 1) != 0" "same == 0")
hf_add_cache_mutant(cache_read_at_odd_version cache_read.c "if (HF__UNLIKELY((head & 1) != 0)) {"
                    "if (false) {")
hf_add_cache_mutant(cache_read_on_at_odd_version cache_read.c "if ((head & 1) != 0) {"
                    "if (false) {")
hf_add_cache_mutant(cache_outgrown_index_not_closed cache_index.c "begin(&index->buckets[i])"
                    "(void)0")
hf_add_cache_mutant(cache_miss_not_checked cache_read.c
                    "return is_unchanged(bucket, head) ? LOOK_YES : LOOK_CHANGED" "return LOOK_YES")
hf_add_cache_mutant(cache_hit_not_checked cache_read.c
                    "look seen = look_at(cache, key, hf__bucket_number(word), since_ns, use, to, sight)"
                    "look seen = look_at(cache, key, hf__bucket_number(word), since_ns, use, to, sight), ignored = (head = HF__GET(&bucket->head), LOOK_NO)")
hf_add_cache_mutant(cache_plain_hit_not_checked cache_read.c
                    "if (HF__UNLIKELY(!is_unchanged(bucket, head))) {" "if (false) {")
hf_add_cache_mutant(cache_bucket_on_the_way_not_checked cache_read.c
                    "if (seen != LOOK_NO) {"
                    "if (head = HF__GET(&bucket->head), seen != LOOK_NO) {")
hf_add_cache_mutant(cache_version_not_odd cache_index.c
                    "uint64_t head = next_version(HF__GET(&bucket->head))"
                    "uint64_t head = HF__GET(&bucket->head)")
hf_add_cache_mutant(cache_version_not_even_again cache_index.c
                    "HF__STORE(&bucket->head, next_version(head), memory_order_release)"
                    "HF__STORE(&bucket->head, head, memory_order_release)")
hf_add_cache_mutant(cache_version_back_again cache_index.c
                    "HF__STORE(&bucket->head, next_version(head), memory_order_release)"
                    "HF__STORE(&bucket->head, head - 1, memory_order_release)")
hf_add_cache_mutant(cache_number_before_its_words cache_part.c
                    "hf__index_replace(&place, entry)"
                    "HF__SET(&at->words[1], 0), hf__index_replace(&place, entry), write_entry(at, key, put, since_ns, NULL)")
hf_add_cache_mutant(cache_number_after_the_version cache_index.c
                    "set_entry(place->bucket, place->slot, entry, hf__index_heat(place))"
                    "head = (end(place->bucket, head), set_entry(place->bucket, place->slot, entry, hf__index_heat(place)), head)")
hf_add_cache_mutant(cache_heat_ignores_the_number cache_read.c
                    "HF__SWAP_IF(place, &word, word + (UINT32_C(1) << HF__HEAT_SHIFT), memory_order_relaxed)"
                    "HF__STORE(place, word + (UINT32_C(1) << HF__HEAT_SHIFT), memory_order_relaxed)")
hf_add_cache_mutant(cache_move_clears_first cache_index.c "uint64_t to_head = begin(to)"
                    "uint64_t to_head = (end(from, with_tag(from, from_head, slot, 0)), begin(to))")
hf_add_cache_mutant(cache_passed_not_counted cache_index.c
                    "end(bucket, more ? head + one : head - one)" "end(bucket, head)")
hf_add_cache_mutant(cache_passed_before_the_second cache_index.c "if (i > 0 && hf__bucket_passed"
                    "if (hf__bucket_passed")
hf_add_cache_mutant(cache_old_index_seen cache.c
                    "HF__STORE(&part->index, index, memory_order_release)"
                    "hf__index_close(old), HF__STORE(&part->index, index, memory_order_release)")

# Orders of the cache, which only weak memory shows. Three cannot be missed one at a time: the fence
# of end() and the release of a new index cover each other, the release of an entry's number and the
# fence of begin() do so for all but tags, and the acquire of the index is needed for what is not
# atomic in it, which nothing here looks at.
hf_add_cache_mutant(cache_odd_version_not_fenced cache_index.c
                    "HF__SET(&bucket->head, head)" "return HF__SET(&bucket->head, head), head")
hf_add_cache_mutant(cache_even_version_not_released cache_index.c
                    "HF__STORE(&bucket->head, next_version(head), memory_order_release)"
                    "HF__STORE(&bucket->head, next_version(head), memory_order_relaxed)")
hf_add_cache_mutant(cache_version_not_acquired cache_read.c
                    "HF__LOAD(&bucket->head, memory_order_acquire)"
                    "HF__LOAD(&bucket->head, memory_order_relaxed)")
hf_add_cache_mutant(cache_check_not_fenced cache_read.c "HF__FENCE(memory_order_acquire)" "(void)0")
hf_add_cache_mutant(cache_plain_number_not_acquired cache_read.c
                    "uint32_t seen = HF__LOAD(place, memory_order_acquire)"
                    "uint32_t seen = HF__LOAD(place, memory_order_relaxed)")
hf_add_cache_mutant(cache_number_not_acquired cache_read.c
                    "uint32_t word = HF__LOAD(place, memory_order_acquire)"
                    "uint32_t word = HF__LOAD(place, memory_order_relaxed)")

# Token buckets and retry budgets: not one swap, so that somebody's change is lost; or what was seen
# before it failed decides.

function(hf_add_limit_mutant name source from to)
  hf_add_mutant_core(${name} ${source} "${from}" "${to}")
  set(others "$<FILTER:$<TARGET_OBJECTS:explore_limits_core>,EXCLUDE,/${source}[.]>")
  hf_add_mutant_test(${name} explore_limits.c "${others}")
endfunction()

hf_add_limit_mutant(tokens_taken_by_store token_bucket.c
                    "!HF__SWAP_IF(&tokens->full_ticks, &seen, full, memory_order_relaxed)"
                    "(HF__STORE(&tokens->full_ticks, full, memory_order_relaxed), false)")
hf_add_limit_mutant(tokens_taken_as_seen_before token_bucket.c
                    "!HF__SWAP_IF(&tokens->full_ticks, &seen, full, memory_order_relaxed)"
                    "!HF__SWAP_IF(&tokens->full_ticks, &seen, full, memory_order_relaxed) && !HF__SWAP_IF(&tokens->full_ticks, &seen, full, memory_order_relaxed)")
hf_add_limit_mutant(tokens_given_back_by_store token_bucket.c
                    "!HF__SWAP_IF(&from->full_ticks, &seen, full, memory_order_relaxed)"
                    "(HF__STORE(&from->full_ticks, full, memory_order_relaxed), false)")
hf_add_limit_mutant(success_stored retry_budget.c
                    "!HF__SWAP_IF(&budget->saved, &seen, saved, memory_order_relaxed)"
                    "(HF__STORE(&budget->saved, saved, memory_order_relaxed), false)")
hf_add_limit_mutant(retry_taken_by_store retry_budget.c
                    "if (HF__SWAP_IF(&budget->saved, &seen, seen - HUNDREDTHS, memory_order_relaxed)) {"
                    "if (HF__STORE(&budget->saved, seen - HUNDREDTHS, memory_order_relaxed), true) {")
