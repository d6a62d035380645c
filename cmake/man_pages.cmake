# cmake -DTARE=... -DOVERVIEW=tare.1 -DOUTPUT=FOLDER -P man_pages.cmake
# The manual: a page that each subcommand writes of itself, and each of its actions that
# has flags of its own; and the overview, which names them.
function(words result)
  execute_process(COMMAND ${TARE} ${ARGN} --help=words OUTPUT_VARIABLE text
                  COMMAND_ERROR_IS_FATAL ANY)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()
function(page)
  list(JOIN ARGN - name)
  execute_process(COMMAND ${TARE} ${ARGN} --help=man
                  OUTPUT_FILE ${OUTPUT}/tare-${name}.1 COMMAND_ERROR_IS_FATAL ANY)
  set(pages ${pages} ".Xr tare-${name} 1" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${OUTPUT})
file(MAKE_DIRECTORY ${OUTPUT})
set(pages)
words(all)
string(REGEX MATCHALL "[a-z]+\t" subcommands "${all}")
string(REPLACE "\t" "" subcommands "${subcommands}")
foreach(subcommand ${subcommands})
  page(${subcommand})
  words(flags ${subcommand})
  string(REGEX MATCHALL "^[a-z-]+\n|\n[a-z][a-z-]*" actions "${flags}")
  string(REGEX REPLACE "--[^;]*;?|\n" "" actions "${actions}")
  foreach(action ${actions})
    words(own ${subcommand} ${action})
    string(FIND "${flags}" "${own}" same)
    if(same LESS 0)
      page(${subcommand} ${action})
    endif()
  endforeach()
endforeach()

file(READ ${OVERVIEW} overview)
list(JOIN pages " ,\n" pages)
file(WRITE ${OUTPUT}/tare.1
     "${overview}.Pp\nA page for each subcommand:\n${pages} .\n")
