import os,random,sys
out=sys.argv[1]; r=random.Random(9); os.makedirs(out+'/many')
words=[bytes(r.randrange(97,123) for _ in range(r.randrange(2,9))) for _ in range(24)]
def text(n):
    b=bytearray()
    while len(b)<n: b+=words[int(r.random()**3*24)]+b' '
    return bytes(b[:n])
def put(name,data): open(f'{out}/{name}','wb').write(data)
put('zeroes',bytes(40000)); put('mixed',text(6000)+r.randbytes(700)+bytes(9000)+text(3001))
both=text(5000)
put('first',both+text(900)); put('second',text(300)+both)
put('many/file',text(4097))
for k in range(350): os.link(out+'/many/file',f'{out}/many/{words[k%24].decode()}-{k}')
for k in range(40): put(f'many/small-{k}',text(3*k))
for k in range(4):
    for j in range(k): os.setxattr(f'{out}/many/small-{k}',f'user.some.long.prefix.{"n"*(j*3+k%2)}',bytes([65+j])*(3*j+1))
os.mknod(out+'/device',0o020644,os.makedev(260,70000)); os.mkfifo(out+'/fifo'); os.symlink('t'*3000,out+'/link')
