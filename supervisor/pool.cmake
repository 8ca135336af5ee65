# libruneward: the supervisor and the API, shared and static, with what it takes to install and find it.
rn_library(rn_supervisor
  arg_faults.c
  batch.c
  build.c
  build_peer.c
  cache.c
  build_talk.c
  call.c
  call_end.c
  call_many.c
  call_receive.c
  clock.c
  context.c
  cpu.c
  diagnostics.c
  error.c
  execution.c
  function.c
  globals.c
  group.c
  helpers.c
  host_call.c
  inputs.c
  journal.c
  journal_folder.c
  limits.c
  parts.c
  peer.c
  peer_queue.c
  peer_receive.c
  peer_send.c
  peer_attach.c
  peer_timers.c
  pool.c
  pool_domain.c
  pool_take.c
  profile.c
  profile_report.c
  record.c
  remote.c
  remote_ask.c
  remote_build.c
  remote_call.c
  remote_held.c
  remote_host.c
  replay.c
  replay_encode.c
  replay_file.c
  run_file.c
  runner.c
  seldom.c
  serve.c
  serve_build.c
  serve_call.c
  serve_connection.c
  serve_host.c
  serve_jobs.c
  serve_report.c
  serve_request.c
  serve_socket.c
  slots.c
  source_tools.c
  sources.c
  spares.c
  statics.c
  supervisor.c
  text.c
  timeline.c
  trace.c
  unit.c
  unit_names.c
  value.c
  vm.c
  vm_pool.c
  watch.c
  watch_bound.c
  watch_build.c
  watch_folders.c
  watch_table.c
  whole_file.c
  wire.c)
target_include_directories(rn_supervisor PUBLIC ${CMAKE_SOURCE_DIR}/include)
file(RELATIVE_PATH rn_helpers_of_library ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_FULL_LIBEXECDIR}/runeward)
target_compile_definitions(rn_supervisor PRIVATE
  RN_HELPER_DIR="${CMAKE_INSTALL_FULL_LIBEXECDIR}/runeward"
  RN_HELPERS_OF_LIBRARY="${rn_helpers_of_library}")
set(rn_supervisor_parts rn_spawner rn_policy rn_policy_table rn_bytecode rn_shm_owner rn_shm rn_base)
target_link_libraries(rn_supervisor PUBLIC ${rn_supervisor_parts} sodium pthread ${CMAKE_DL_LIBS})

set(runeward_objects)
foreach(part rn_supervisor ${rn_supervisor_parts})
  list(APPEND runeward_objects $<TARGET_OBJECTS:${part}>)
endforeach()

add_library(runeward SHARED ${runeward_objects})
set_target_properties(runeward PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/libruneward.map LINKER_LANGUAGE C)
target_link_libraries(runeward PRIVATE rn_flags sodium pthread ${CMAKE_DL_LIBS})
rn_optimise_whole(runeward)
target_link_options(runeward PRIVATE
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/libruneward.map)
if(NOT RN_SANITIZE)
  target_link_options(runeward PRIVATE -Wl,-z,defs)
endif()
target_include_directories(runeward INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

add_library(runeward_static STATIC ${runeward_objects})
set_target_properties(runeward_static PROPERTIES OUTPUT_NAME runeward LINKER_LANGUAGE C)
if(RN_WHOLE_OBJECTS)
  # What is for this compiler alone has no place in an archive that others link.
  add_custom_command(TARGET runeward_static POST_BUILD
    COMMAND ${CMAKE_OBJCOPY} --wildcard --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_*
      --strip-symbol=*.c.???????? $<TARGET_FILE:runeward_static> VERBATIM)
endif()
target_link_libraries(runeward_static PUBLIC sodium pthread ${CMAKE_DL_LIBS})
target_include_directories(runeward_static INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# Tests with live processes: through the library, or with its insides (STATIC) where they must be seen.
function(rn_supervisor_test stem)
  if(NOT RN_TESTS OR NOT TARGET runeward-worker OR NOT TARGET runeward-compiler)
    return()
  endif()
  set(name test_supervisor_${stem})
  set(folder ${CMAKE_SOURCE_DIR}/tests/unit/supervisor)
  add_executable(${name} ${folder}/test_${stem}.c ${folder}/harness.c)
  target_link_libraries(${name} PRIVATE rn_flags ${ARGN} cmocka pthread)
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
  add_dependencies(${name} runeward-worker runeward-compiler)
  add_test(NAME unit/supervisor/${stem} COMMAND ${name})
  set_tests_properties(unit/supervisor/${stem} PROPERTIES TIMEOUT 600 LABELS unit RUN_SERIAL ON)
endfunction()
# Some once more over the socket alone: what goes through a ring otherwise is put into parcels.
function(rn_supervisor_test_socket stem)
  if(TARGET test_supervisor_${stem})
    add_test(NAME unit/supervisor/${stem}/socket COMMAND test_supervisor_${stem})
    set_tests_properties(unit/supervisor/${stem}/socket PROPERTIES TIMEOUT 600 LABELS unit RUN_SERIAL ON
      ENVIRONMENT RN_TEST_WITHOUT_RING=1)
  endif()
endfunction()
rn_supervisor_test(calls runeward)
rn_supervisor_test(parts runeward)
rn_supervisor_test(unit_names runeward)
rn_supervisor_test(context rn_supervisor)
rn_supervisor_test(limits runeward)
rn_supervisor_test(storm rn_supervisor)
rn_supervisor_test(mayhem rn_supervisor)
rn_supervisor_test(peer rn_supervisor)
rn_supervisor_test(pool rn_supervisor)
rn_supervisor_test(close rn_supervisor)
rn_supervisor_test(grace rn_supervisor)
rn_supervisor_test(replay rn_supervisor)
rn_supervisor_test(replay_file rn_supervisor)
rn_supervisor_test(executions runeward)
rn_supervisor_test(vm_pool runeward)
rn_supervisor_test(batch rn_supervisor)
foreach(stem calls executions batch mayhem)
  rn_supervisor_test_socket(${stem})
endforeach()
rn_supervisor_test(functions runeward)
rn_supervisor_test(globals runeward)
rn_supervisor_test(host_calls runeward)
rn_supervisor_test(isolation runeward)
rn_supervisor_test(closed_streams runeward)
rn_supervisor_test(misuse runeward)
rn_supervisor_test(profile rn_supervisor)
if(TARGET test_supervisor_profile)
  add_dependencies(test_supervisor_profile runeward-worker-profile)
endif()
rn_supervisor_test(helpers rn_supervisor)
if(TARGET test_supervisor_helpers)
  target_compile_definitions(test_supervisor_helpers PRIVATE RN_LIBRARY="$<TARGET_FILE:runeward>")
  add_dependencies(test_supervisor_helpers runeward)
endif()
rn_unit_test(supervisor clock rn_supervisor)
rn_unit_test(supervisor slots rn_supervisor)
rn_unit_test(supervisor peer_queue rn_supervisor)
rn_unit_test(supervisor group rn_supervisor)
rn_unit_test(supervisor watch_folders rn_supervisor)
rn_unit_test(supervisor remote_held rn_supervisor)
rn_unit_test(supervisor journal rn_supervisor)
rn_unit_test(supervisor value runeward)
rn_unit_test(supervisor codes runeward)
rn_supervisor_test(memory rn_supervisor)
rn_supervisor_test(watch runeward)
rn_supervisor_test(reload runeward)
rn_supervisor_test(remote rn_supervisor)
rn_supervisor_test(serve runeward)
rn_supervisor_test(serve_load rn_supervisor)
rn_supervisor_test(serve_start rn_supervisor)
rn_supervisor_test(remote_hosts runeward)
rn_supervisor_test(remote_globals runeward)
rn_supervisor_test(remote_functions rn_supervisor)
rn_supervisor_test(remote_watch rn_supervisor)
rn_supervisor_test(source_tools runeward)
rn_supervisor_test(listing rn_tools rn_supervisor)
foreach(stem closed_streams functions globals serve serve_load serve_start source_tools watch remote_hosts remote_globals remote_functions remote_watch)
  if(TARGET test_supervisor_${stem})
    target_sources(test_supervisor_${stem} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/supervisor/daemon.c)
  endif()
endforeach()
foreach(stem watch remote_watch)
  if(TARGET test_supervisor_${stem})
    target_sources(test_supervisor_${stem} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/supervisor/watching.c)
  endif()
endforeach()
if(TARGET test_supervisor_close)
  target_link_options(test_supervisor_close PRIVATE -Wl,--wrap=rn_peer_start,--wrap=rn_pool_take)
endif()
if(TARGET test_supervisor_serve_start)
  target_link_options(test_supervisor_serve_start PRIVATE -Wl,--wrap=bind,--wrap=listen,--wrap=unlink,--wrap=flock)
endif()
rn_fuzz_target(client_message rn_supervisor)
rn_fuzz_target(profile rn_supervisor)
