# cmake -DINPUT=F -DNAME=report_css -DOUTPUT=F.c -P embed.cmake
# Writes a C file with the bytes of INPUT, and a zero behind them, as `NAME`.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"tools/html.h\"\nconst char ${NAME}[] = {\n${bytes}0};\n")
